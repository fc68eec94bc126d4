"""The square code of a second factor, read back by what shares nothing with its drawing."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from controller.access import totp
from tests.support.javascript import copied, run_module
from tests.support.vendored_axe import reader_script

READ = """
    import { squareOf } from "./qr.js";
    import jsQR from "./reader.cjs";
    const SCALE = 4;
    function raster({ side, path }, light) {
      const width = side * SCALE, pixels = new Uint8ClampedArray(4 * width * width).fill(255);
      const runs = [...path.matchAll(/M(\\d+) (\\d+)h(\\d+)v1h-(\\d+)z/g)].map((m) => m.slice(1).map(Number));
      if (runs.map(([x, y, n]) => `M${x} ${y}h${n}v1h-${n}z`).join("") !== path) throw new Error("not all of the path was read");
      for (const [x, y, n] of runs) for (let k = 0; k < n * SCALE; k++) for (let l = 0; l < SCALE; l++) {
        pixels.set([0, 0, 0, 255], 4 * ((y * SCALE + l) * width + x * SCALE + k));
      }
      return { pixels, width };
    }
    tell(input.map((text) => {
      const square = squareOf(text), { pixels, width } = raster(square);
      return [jsQR(pixels, width, width, { inversionAttempts: "dontInvert" })?.data ?? null, square.side];
    }));
"""  # noqa: E501


def read_back(place: Path, texts: list[str]) -> list[tuple[str | None, int]]:
    (copied(place) / "reader.cjs").write_text(reader_script())
    found = run_module(place, READ, texts)
    assert isinstance(found, list)
    return [(text, side) for text, side in found]


def test_a_telephone_reads_the_address_with_key_and_name(tmp_path: Path) -> None:
    keys = [totp.new_key() for _ in range(20)]
    lines = ["Pilot line", "乾式電極パイロットライン", "A & B / line: 7?", "x" * 80]
    users = ["sato", "a" * 32]
    wanted = [totp.address(key, users[k % 2], lines[k % 4]).reveal() for k, key in enumerate(keys)]
    found = read_back(tmp_path, wanted)
    assert [text for text, _ in found] == wanted
    for k, (text, _) in enumerate(found):
        assert text is not None
        address = urlsplit(text)
        assert (address.scheme, address.netloc) == ("otpauth", "totp")
        assert unquote(address.path) == f"/{lines[k % 4]}:{users[k % 2]}"
        assert parse_qs(address.query)["secret"] == [keys[k].reveal()]


@pytest.mark.parametrize("length", [1, 120, 300])
def test_the_square_has_a_white_rim_and_no_more_modules_than_needed(
    tmp_path: Path, length: int
) -> None:
    ((text, side),) = read_back(tmp_path, ["k" * length])
    assert text == "k" * length
    # Bytes of a medium correction: version 1 holds 14, 7 holds 122, 13 holds 331 (ISO/IEC 18004).
    version = {1: 1, 120: 7, 300: 13}[length]
    assert side == 17 + 4 * version + 8
