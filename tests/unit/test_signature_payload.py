"""What is signed is what was received: the pair of the signature goes, and not a byte of the rest is touched.

The fact a newcomer would get wrong: queries are bytes here. `%41`, `+`, `a=b=c`, an empty pair, a name without a value
and bytes that are no UTF-8 are all signed as they stand.
"""

from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from accounts.signatures import cut_signature

PIECES = st.one_of(
    st.binary(max_size=12).map(lambda raw: raw.replace(b"&", b"")),
    st.sampled_from(
        [b"", b"=", b"a", b"a=", b"%41=%zz", b"a+b=c+d", b"symbol=%EF%BC%91", b"signatures=1", b"mysignature=2",
         b"signature", b"Signature=3", b"s%69gnature=4", b"%26signature=5", b"a=signature=6"]
    ),
).filter(lambda piece: not piece.startswith(b"signature="))  # fmt: skip
PARTS = st.lists(PIECES, max_size=6)
SIGNATURES = st.one_of(st.binary(min_size=1, max_size=40), st.sampled_from([b"0" * 64, b"a+b/c==", b"\xff", b"%"]))


@given(query=PARTS, body=PARTS)
def test_without_a_signature_everything_is_the_payload(query: list[bytes], body: list[bytes]) -> None:
    text, more = b"&".join(query), b"&".join(body)
    assert cut_signature(text, more) == (text + more, None)


@given(query=PARTS, body=PARTS, signature=SIGNATURES, in_query=st.booleans(), at=st.integers(0, 6))
def test_the_pair_is_cut_wherever_it_stands(
    query: list[bytes], body: list[bytes], signature: bytes, in_query: bool, at: int
) -> None:
    payload = b"&".join(query) + b"&".join(body)
    part = query if in_query else body
    at = min(at, len(part))
    part.insert(at, b"signature=" + quote_from_bytes(signature, safe="").encode())
    assert cut_signature(b"&".join(query), b"&".join(body)) == (payload, signature)


@given(query=PARTS, body=PARTS, first=SIGNATURES, second=SIGNATURES)
def test_of_two_signatures_the_querys_counts_and_neither_is_signed(
    query: list[bytes], body: list[bytes], first: bytes, second: bytes
) -> None:
    payload = b"&".join(query) + b"&".join(body)
    with_first = b"&".join([*query, b"signature=" + quote_from_bytes(first, safe="").encode()])
    with_second = b"&".join([*body, b"signature=" + quote_from_bytes(second, safe="").encode()])
    assert cut_signature(with_first, with_second) == (payload, first)
