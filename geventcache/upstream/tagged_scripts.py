"""Scripts with upstream-hash-tag: they see the names of their client, and what they do concerns the keys with the tag.

The rules:

- A script goes to the upstream with a line before it, which takes the tag off KEYS and gives it to the keys of whatever
  the script calls, declared or made up, and takes it off again where replies name keys.
- So it has another SHA1 there than here. Those of scripts that were seen are remembered; of one that was not, the
  client is told that there is none, and sends it.
- Which arguments of a command are keys comes from the declarations. Most commands have one, the first: the line knows
  only the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from geventcache.command.declaration import Declaration
from geventcache.resp.frames import bulk, bulk_value, is_error
from geventcache.upstream.plan import all_declarations

MOST_REMEMBERED = 10_000
RUNS = frozenset(("EVAL", "EVAL_RO"))
RUNS_KNOWN = frozenset(("EVALSHA", "EVALSHA_RO"))
FIRST_ONE = (("index", 1), ("range", 0, 1, 0))
# Their arguments are no keys, but patterns that get the tag as keys do.
PATTERN_FIRST = "KEYS"
# They concern more than the keys with a tag.
REFUSED = ("DBSIZE", "FLUSHALL", "FLUSHDB", "MIGRATE", "MOVE", "RANDOMKEY", "SELECT", "SWAPDB")
REASON = b"ERR a script with upstream-hash-tag has the keys of its database alone, by their names"
# All in one line, so that errors tell the script's own lines. `E`: where keys are in commands that have not just one at
# the beginning. `X`: what is refused. `S`: what takes the tag off replies.
PRELUDE = b"""
local KEYS,redis=(function(K,R)
local T,E='%(tag)s',{%(exceptions)s}
local sub,upper,min,floor=string.sub,string.upper,math.min,math.floor
local function off(s) if type(s)=='string' and sub(s,1,#T)==T then return sub(s,#T+1) end return s end
local function put(a,i) local k=type(a[i]) if k=='string' or k=='number' then a[i]=T..a[i] end end
local function word(a,i) return type(a[i])=='string' and upper(a[i]) or '' end
local function tag(a,n,name)
for _,s in ipairs(E[name] or {{1,0,1,0}}) do
local b,f=s[1],2
if type(b)=='string' then
local at
for i=s[2]+1,n do if word(a,i)==b then at=i+1 break end end
b,f=at,3
else b=b+1 end
if b and b<=n then
local last,step,limit=s[f],s[f+1],s[f+2]
if last=='n' then
local count=tonumber(a[b+step]) or 0
step,b=s[f+3],b+limit
last=b+(count-1)*step
elseif last>=0 then last=b+last
elseif limit>1 then last=b+floor((n-b+1)/limit)+last
else last=n+last+1 end
for i=b,min(last,n),step do put(a,i) end
end
end
if name=='SORT' or name=='SORT_RO' then
local i=3
while i<n do
local w=word(a,i)
if w=='STORE' or ((w=='BY' or w=='GET') and tostring(a[i+1]):find('*',1,true)) then put(a,i+1) i=i+1
elseif w=='BY' or w=='GET' then i=i+1 end
i=i+1
end
elseif name=='SCAN' then
local at
for i=3,n-1,2 do if word(a,i)=='MATCH' then at=i+1 end end
if at then put(a,at) else a[n+1],a[n+2],n='MATCH',T..'*',n+2 end
end
return n
end
local function all(r) for i=1,#r do r[i]=off(r[i]) end return r end
local function one(r) r[1]=off(r[1]) return r end
local function each(r)
if r.map then local m={} for k,v in pairs(r.map) do m[off(k)]=v end r.map=m else for i=1,#r do one(r[i]) end end
return r
end
local X={%(refused)s}
local S={KEYS=all,SCAN=function(r) all(r[2]) return r end,LMPOP=one,ZMPOP=one,XREAD=each,XREADGROUP=each}
local function through(f)
return function(...)
local n,a=select('#',...),{...}
if n==0 then return f() end
local name=word(a,1)
if X[name] then
local e=R.error_reply('%(reason)s')
if f==R.pcall then return e end
error(e,0)
end
n=tag(a,n,name)
local strip=S[name]
if not strip then return f(unpack(a,1,n)) end
local r=f(unpack(a,1,n))
if type(r)=='table' and not r.err then return strip(r) end
return r
end
end
local k={}
for i=1,#K do k[i]=off(K[i]) end
return k,setmetatable({call=through(R.call),pcall=through(R.pcall)},{__index=R})
end)(KEYS,redis) local server=redis
""".replace(b"\n", b" ")


@cache
def exceptions() -> bytes:
    """Where keys are, as a table of Lua, for all commands but those whose first argument is their only key."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for declaration in all_declarations():
        if "noscript" in declaration.flags:
            continue
        name = declaration.name.partition("|")[0]
        found.setdefault(name, set()).update(specs_of(declaration))
    del found[PATTERN_FIRST]
    default = {FIRST_ONE}
    parts = [
        f"[{name!r}]={{{','.join(map(lua_of, sorted(specs, key=str)))}}}"
        for name, specs in found.items()
        if specs != default
    ]
    return ",".join(parts).encode()


def specs_of(declaration: Declaration) -> set[tuple[Any, ...]]:
    """Where a command has keys, as far as a table can tell."""
    known = [spec for spec in declaration.keys if "not_key" not in spec.flags and spec.begin[0] != "unknown"]
    return {(tuple(spec.begin), tuple(spec.find)) for spec in known}


def lua_of(spec: tuple[Any, ...]) -> str:
    """One place of keys, as a table of Lua."""
    (how, *begin), (kind, *find) = spec
    words = [repr(one) for one in begin] if how == "keyword" else [str(begin[0])]
    if kind == "keynum":
        words.append("'n'")
    return "{" + ",".join([*words, *map(str, find)]) + "}"


@cache
def prelude(prefix: bytes) -> bytes:
    """The line before scripts for one tag."""
    refused = ",".join(f"{name}=1" for name in REFUSED).encode()
    parts = {b"tag": prefix, b"exceptions": exceptions(), b"refused": refused, b"reason": REASON}
    return PRELUDE.strip() % parts + b" "


def wrapped(source: bytes, prefix: bytes) -> bytes:
    """A script with the line before it, behind what tells its flags."""
    if source.startswith(b"#!"):
        flags, line, rest = source.partition(b"\n")
        return flags + line + prelude(prefix) + rest
    return prelude(prefix) + source


def sha_of(source: bytes) -> bytes:
    """The name of a script."""
    return hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()


class TaggedScripts:
    """The scripts that a server has seen.

    Attributes:
        names: tag and SHA1 here, to the SHA1 at the upstream; the oldest are forgotten.
    """

    def __init__(self) -> None:
        self.names: dict[tuple[bytes, bytes], bytes] = {}

    def remember(self, source: bytes, prefix: bytes) -> bytes:
        """A script is to go to the upstream; return it as it goes."""
        text = wrapped(source, prefix)
        key = prefix, sha_of(source)
        if key not in self.names:
            while len(self.names) >= MOST_REMEMBERED:
                del self.names[next(iter(self.names))]
            self.names[key] = sha_of(text)
        return text

    def name_there(self, name: bytes, prefix: bytes) -> bytes:
        """The name of a script at the upstream; one that nobody has, if it was not seen."""
        name = name.lower()
        return self.names.get((prefix, name)) or sha_of(prefix + name)

    def request(self, declaration: Declaration, args: list[bytes], prefix: bytes) -> list[bytes]:
        """A request that may be about scripts, as it goes to the upstream."""
        name = declaration.name
        if name in RUNS and len(args) > 1:
            return [args[0], self.remember(args[1], prefix), *args[2:]]
        if name in RUNS_KNOWN and len(args) > 1:
            return [args[0], self.name_there(args[1], prefix), *args[2:]]
        if name == "SCRIPT|LOAD" and len(args) == 3:
            return [*args[:2], self.remember(args[2], prefix)]
        if name in ("SCRIPT|EXISTS", "SCRIPT|SHOW"):
            return [*args[:2], *(self.name_there(one, prefix) for one in args[2:])]
        return args


def translation(declaration: Declaration, args: list[bytes], prefix: bytes) -> Callable[[bytes], bytes] | None:
    """What makes the reply about a script the client's, None if it is that already."""
    if declaration.name == "SCRIPT|LOAD" and len(args) == 3:
        name = bulk(sha_of(args[2]))
        return lambda frame: frame if is_error(frame) else name
    if declaration.name == "SCRIPT|SHOW":
        return lambda frame: shown(frame, prefix)
    return None


def shown(frame: bytes, prefix: bytes) -> bytes:
    """The text of a script without the line before it."""
    source = None if is_error(frame) else bulk_value(frame)
    return frame if source is None else bulk(source.replace(prelude(prefix), b"", 1))
