"""Digests of registered algorithms are known, others are well-formed, all else is one sentence."""

from __future__ import annotations

import hashlib

import pytest

from layermodel.formats.digests import ALGORITHMS, algorithm_of, digest_of, of_hex, well_formed
from layermodel.formats.documents import Malformed

DIGITS = {"sha256": 64, "sha512": 128}
OTHERS = ["multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
          "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", "blake3:" + "0" * 64, "sha384:" + "0" * 96]
"""Of the examples in descriptor.md, and of algorithms that are not registered in 1.1.0."""
NONE = ["", ":", "sha256", "sha256:", ":" + "0" * 64, "SHA256:" + "0" * 64, "a..b:0", "a-:0", "sha256:0:0", "a:0/0", "a:0\n"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_digest_says_by_which_algorithm_it_was_made(algorithm):
    made = digest_of(b"abc", algorithm)
    assert f"{algorithm}:{hashlib.new(algorithm, b'abc').hexdigest()}" == made
    assert (made, algorithm) == (well_formed(made, "here"), algorithm_of(made, "here"))
    assert made == of_hex(made.partition(":")[2])


@pytest.mark.parametrize("text", OTHERS)
def test_other_algorithms_can_be_written_and_not_checked(text):
    assert text == well_formed(text, "here")
    with pytest.raises(Malformed, match=r"^here: '.*' cannot be checked: .* sha256 and sha512 are known here"):
        algorithm_of(text, "here")


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_digest_is_one_sentence(text):
    with pytest.raises(Malformed, match=r"^here: .* is not a digest$"):
        well_formed(text, "here")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_digest_has_as_many_digits_as_its_algorithm_makes(algorithm):
    for encoded in ("0" * (DIGITS[algorithm] - 1), "0" * (DIGITS[algorithm] + 1), "A" * DIGITS[algorithm]):
        assert of_hex(encoded) is None
        with pytest.raises(Malformed, match=rf"is not a {algorithm} digest, which has {DIGITS[algorithm]} hex"):
            well_formed(f"{algorithm}:{encoded}", "here")
