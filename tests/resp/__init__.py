"""The wire by itself: requests out of bytes, replies into bytes, in both builds."""
