# SPDX-License-Identifier: Apache-2.0
"""The picture: a bar for each ratio to native, on a logarithmic scale. What begins at 1 and
goes right is slower than native, left of it faster."""
import math
from xml.sax.saxutils import escape

from .report import number
from .results import UNITS

COLOURS = ('#0b6fb8', '#d9661f', '#3a9a5b', '#8a6bbf', '#b8860b', '#8c564b', '#c2528b', '#5f6b73')
LABEL, WIDTH, RIGHT = 190, 560, 70  # pixels: names, scale, room for figures
BAR, GAP, HEAD = 9, 7, 26


def text(x, y, content, size=11, **more):
    extra = ''.join(' %s="%s"' % (k.replace('_', '-'), v) for k, v in more.items())
    return '<text x="%.1f" y="%.1f" font-size="%d"%s>%s</text>' % (x, y, size, extra,
                                                               escape(content))


def line(x1, y1, x2, y2, colour):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (x1, y1, x2, y2, colour)


def legend(systems, colours, facts):
    out = [text(10, 22, 'Times native (logarithmic; less is better)', 16, font_weight='bold'),
           text(10, 40, '%s, %s, %s, %s' % (facts['date'], facts['commit'], facts['cpu'],
                                            facts['kernel']), 10, fill='#555')]
    x = 10
    for system in systems:
        out.append('<rect x="%d" y="50" width="10" height="10" fill="%s"/>' % (x, colours[system]))
        out.append(text(x + 14, 59, system))
        x += 30 + 7 * len(system)
    return out


def draw(results, systems, facts):
    others = [s for s in systems if s != 'native']
    bars = {}
    for _, name in results.rows:
        if UNITS.get(name) == '%':
            continue  # next to nothing, divided by next to nothing
        found = [(s, results.ratio(s, name)) for s in others]
        found = [(s, r[0]) for s, r in found if r and r[0] > 0]
        if found:
            bars[name] = found
    shown = [s for s in others if any(s == t for found in bars.values() for t, _ in found)]
    colours = dict(zip(others, COLOURS * (len(others) // len(COLOURS) + 1)))
    logs = [math.log10(r) for found in bars.values() for _, r in found]
    low, high = math.floor(min(logs + [0])), max(1, math.ceil(max(logs + [0])))
    at = lambda ratio: LABEL + WIDTH * (math.log10(ratio) - low) / (high - low)

    body, y, group = [], 76, None
    for row_group, name in results.rows:
        if name not in bars:
            continue
        if row_group != group:
            group = row_group
            y += HEAD
            body.append(text(10, y - 8, group, 13, font_weight='bold'))
        height = BAR * len(bars[name])
        body.append(text(LABEL - 8, y + height / 2 + 4, name, text_anchor='end'))
        for system, ratio in bars[name]:
            left, right = sorted((at(1), at(ratio)))
            body.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"><title>%s %s: '
                        '%sx</title></rect>' % (left, y, max(right - left, 1), BAR - 1,
                                                colours[system], escape(system), name,
                                                number(ratio)))
            body.append(text(right + 3, y + BAR - 1.5, number(ratio), 8, fill='#444'))
            y += BAR
        y += GAP
    grid = []
    for power in range(low, high + 1):
        for step in range(1, 10):
            ratio = step * 10 ** power
            if at(ratio) <= LABEL + WIDTH + 0.1:
                colour = '#555' if ratio == 1 else '#ccc' if step == 1 else '#f0f0f0'
                grid.append(line(at(ratio), 80, at(ratio), y, colour))
        grid.append(text(at(10 ** power), 76, '%g' % 10 ** power, 10, text_anchor='middle'))
    total = LABEL + WIDTH + RIGHT
    return '\n'.join(['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
                      'viewBox="0 0 %d %d" font-family="sans-serif">' % (total, y + 12, total, y + 12),
                      '<rect width="100%" height="100%" fill="#fff"/>'] +
                     legend(shown, colours, facts) + grid + body + ['</svg>', ''])
