#!/usr/bin/python3
"""Draws a diagram from lines of text: scripts/diagram.py IN.txt OUT.svg. The text is committed beside the picture.

    title: What runs where
    row: users                      boxes of a row, separated by " | "; "a: b" has a second line
    row: edge: one on each node
    row: web: replicas | worker
    users -> edge: HTTP             an arrow between boxes of different rows, with a word
"""

import html
import sys

WIDTH, HEIGHT, GAP, ROW = 190, 56, 30, 120


def read(text):
    title, rows, arrows = "", [], []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("title:"):
            title = line[6:].strip()
        elif line.startswith("row:"):
            rows.append([tuple(map(str.strip, (box + ":").split(":")[:2])) for box in line[4:].split("|")])
        else:
            ends, _, word = line.partition(":")
            a, b = map(str.strip, ends.split("->"))
            arrows.append((a, b, word.strip()))
    return title, rows, arrows


def draw(title, rows, arrows):
    width = max(len(row) for row in rows) * (WIDTH + GAP) + GAP
    height = 50 + len(rows) * ROW
    place, out = {}, []
    for y, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP) + GAP) / 2
        for x, (name, detail) in enumerate(row):
            place[name] = (left + x * (WIDTH + GAP), 50 + y * ROW)
            px, py = place[name]
            out.append(f'<rect x="{px:g}" y="{py:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#eef2ff" stroke="#6366f1"/>')
            line = py + (HEIGHT / 2 + 5 if not detail else 24)
            out.append(f'<text x="{px + WIDTH / 2:g}" y="{line:g}" text-anchor="middle" font-weight="600">{html.escape(name)}</text>')
            if detail:
                out.append(f'<text x="{px + WIDTH / 2:g}" y="{py + 43:g}" text-anchor="middle" font-size="12">{html.escape(detail)}</text>')
    for a, b, word in arrows:
        (ax, ay), (bx, by) = place[a], place[b]
        down = by > ay
        x1, y1, x2, y2 = ax + WIDTH / 2, ay + (HEIGHT if down else 0), bx + WIDTH / 2, by + (0 if down else HEIGHT)
        out.append(f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="#475569" fill="none" marker-end="url(#tip)"/>')
        out.append(f'<text x="{(x1 + x2) / 2 + 6:g}" y="{(y1 + y2) / 2 + 4:g}" font-size="12" fill="#475569">{html.escape(word)}</text>')
    body = "\n".join(out)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="15">
<title>{html.escape(title)}</title>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 10 5 0 10z" fill="#475569"/></marker></defs>
<rect width="{width}" height="{height}" rx="12" fill="#ffffff"/>
<text x="{width / 2:g}" y="30" text-anchor="middle" font-weight="600">{html.escape(title)}</text>
{body}
</svg>
"""


if __name__ == "__main__":
    with open(sys.argv[1]) as source:
        picture = draw(*read(source.read()))
    with open(sys.argv[2], "w") as out:
        out.write(picture)
