"""One signed request and the keys behind it, for the tests of the HTTP signature profile."""

from tacita_protocol.crypto.httpsig import RequestParts, sign_request
from tacita_protocol.crypto.keys import SigningKey

NOW = 1_700_000_000
NONCE = "0123456789abcdef0123456789abcdef"
KEY, OTHER, BROKER = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))
PARTS = RequestParts("POST", "broker.example:8443", "/v1/matches", "a=b&c=%20", "application/json", b'{"v":1}')
HEADERS = sign_request(PARTS, KEY, keyid="north-bank", now=NOW, nonce=NONCE)
Headers = dict[str, str]
