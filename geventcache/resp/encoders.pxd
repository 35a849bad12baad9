from geventcache.resp.writer cimport ReplyWriter
