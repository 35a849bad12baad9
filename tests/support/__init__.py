"""What tests of several folders share, from the wire upwards.

`wire` (replies and their types), `client` (one connection), `subject` (the package under test), `servers` (the
reference and the subject, to talk to), `process` (a server whose process is looked at), `workers` (threads with
connections), `inprocess` (a server without sockets, on a clock that tests move), `compiling` (modules that a test
compiles).
"""
