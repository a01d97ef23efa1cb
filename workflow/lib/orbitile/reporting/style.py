"""The style sheet of the page."""

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1220px; margin: 1.5em auto; padding: 0 1em; }
h1 { margin-bottom: 0; } h2 { margin: 1.6em 0 0.4em; }
svg, img { max-width: 100%; height: auto; display: block; }
svg { font-family: system-ui, sans-serif; } svg .name { font-size: 12px; } svg .tick { font-size: 11px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 3px 5px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th.word, td.word { text-align: left; white-space: normal; overflow-wrap: anywhere; }
th.above { text-align: center; border-bottom: none; }
.rule { text-align: left; } td.bad { color: #b04a00; font-weight: bold; }
.wide { overflow-x: auto; } .tall { overflow: auto; max-height: 24em; }
.figures { display: flex; flex-wrap: wrap; gap: 10px; margin: 1em 0; }
.figures div { border: 1px solid #ddd; border-radius: 6px; padding: 6px 12px; }
.figures b { display: block; font-size: 19px; } .figures span, .note { color: #555; font-size: 13px; }
.alarm { border: 3px solid #d55e00; border-radius: 6px; background: #fff4ec; padding: 2px 14px 12px; margin: 1em 0; }
.alarm h2 { margin-top: 0.5em; color: #a04000; } .fine { border-left: 5px solid #009e73; padding-left: 10px; }
.key { display: inline-block; width: 11px; height: 11px; border: 1px solid #666; margin: 0 5px 0 12px; }
td .key { margin-left: 0; } .state { white-space: nowrap; } .wide table { font-size: 12.5px; }
code { font-size: 13px; overflow-wrap: anywhere; }
"""
