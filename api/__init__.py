"""The edge that both apps share: bytes in and out, before and beside Django."""
