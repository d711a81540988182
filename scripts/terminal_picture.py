#!/usr/bin/python3
"""Text as a terminal shows it, as a PNG for the documentation: COMMAND | scripts/terminal_picture.py OUT.png [TITLE].
Understands the colours that Fairlead uses. Needs Debian's chromium."""

import html
import pathlib
import re
import subprocess
import sys
import tempfile

COLOURS = {"31": "#f87171", "32": "#4ade80", "33": "#facc15", "34": "#60a5fa", "36": "#22d3ee"}
LINE_HEIGHT, CHARACTER_WIDTH, MARGIN, BAR = 21, 8.43, 24, 34
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            "--force-device-scale-factor=2"]


def style(code):
    if code in COLOURS:
        return f"color:{COLOURS[code]}"
    return {"1": "font-weight:700;color:#ffffff", "2": "color:#94a3b8"}.get(code, "")


def to_html(text):
    out, opened = "", 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", text):
        if not piece.startswith("\x1b"):
            out += html.escape(piece)
            continue
        codes = piece[2:-1].split(";")
        if codes in (["0"], [""]):
            out += "</span>" * opened
            opened = 0
        else:
            out += f'<span style="{";".join(style(c) for c in codes)}">'
            opened += 1
    return out + "</span>" * opened


def page(text, title):
    return f"""<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #0f172a; color: #e2e8f0; font: 14px/{LINE_HEIGHT}px "DejaVu Sans Mono", monospace; }}
.bar {{ height: {BAR}px; line-height: {BAR}px; background: #1e293b; color: #94a3b8; text-align: center; }}
pre {{ margin: 0; padding: 12px {MARGIN}px; font: inherit; }}</style>
<div class="bar">{html.escape(title)}</div><pre>{to_html(text)}</pre>"""


def main():
    out, title = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    text = sys.stdin.read().strip("\n")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    # Chromium has no smaller windows.
    width = max(640, round(max(map(len, lines)) * CHARACTER_WIDTH + 2 * MARGIN))
    height = max(200, len(lines) * LINE_HEIGHT + BAR + 24)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "page.html")
        source.write_text(page(text, title))
        subprocess.run([*CHROMIUM, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}",
                        f"--screenshot={pathlib.Path(out).resolve()}", source.as_uri()], check=True, capture_output=True)


main()
