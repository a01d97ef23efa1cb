"""The style sheet of the page: light or dark as the reader's system is, wide or narrow as the window is."""

STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #55606a; --back: #ffffff; --line: #d5dade; --box: #f4f6f8;
  --link: #0a5aa8; --bar: #0072b2; --alarm: #fff4ec; --alarm-text: #8a3600; --edge: #d55e00; --fine: #00795a; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #a9b3bc; --back: #14181c; --line: #3a434b;
  --box: #1e242a; --link: #7cc0ff; --bar: #56b4e9; --alarm: #33210f; --alarm-text: #ffb98a; --fine: #4fd0a8; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0; }
main, header, nav, footer { max-width: 1220px; margin: 0 auto; padding: 0 16px; }
h1 { margin: 0.6em 0 0; overflow-wrap: anywhere; } h2 { margin: 2em 0 0.4em; } h3 { margin: 1.5em 0 0.3em; }
p, li, dd, figcaption { overflow-wrap: anywhere; } p { max-width: 75ch; }
a { color: var(--link); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: 16px; top: -60px; background: var(--back); padding: 8px 12px; z-index: 1; }
.skip:focus { top: 8px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; margin: 0.8em 0; list-style: none; }
nav a { display: inline-block; padding: 6px 0; }
svg { font-family: system-ui, sans-serif; display: block; height: auto; max-width: 100%; }
svg .name { font-size: 12px; } svg .tick { font-size: 11px; } svg text:not([fill]) { fill: var(--text); }
img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
figure { margin: 1em 0; } figcaption, .note { color: var(--soft); font-size: 14px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
caption { text-align: left; color: var(--soft); padding: 4px 0; }
th, td { padding: 4px 8px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th.word, td.word { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 7em; vertical-align:
  top; }
th.above { text-align: center; border-bottom: none; }
.rule { text-align: left; } td.bad { color: var(--alarm-text); font-weight: bold; }
td.share { min-width: 120px; text-align: left; } .bar { display: block; height: 0.9em; background: var(--bar); }
.scroll { overflow: auto; max-width: 100%; } .tall { max-height: 24em; } .scroll > svg, .scroll > img { max-width:
  none; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(190px, 45%), 1fr)); gap: 10px; margin:
  1em 0; }
.cards div { border: 1px solid var(--line); background: var(--box); border-radius: 6px; padding: 6px 12px; }
.cards b { display: block; font-size: 20px; overflow-wrap: anywhere; } .cards span { color: var(--soft); font-size:
  14px; }
.chips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(180px, 45%), 1fr)); gap: 12px; margin:
  0.6em 0; }
.chips figure { margin: 0; } .chips svg { width: 100%; border-radius: 4px; } .chips figcaption { font-size: 12.5px; }
.alarm { border: 2px solid var(--edge); border-left-width: 8px; border-radius: 6px; background: var(--alarm);
  padding: 2px 14px 12px; margin: 1em 0; }
.alarm h2, .alarm h3 { margin: 0.5em 0; color: var(--alarm-text); font-size: 18px; overflow-wrap: anywhere; }
.fine { border-left: 6px solid var(--fine); padding-left: 10px; }
.key { display: inline-block; min-width: 14px; height: 14px; border: 1px solid #666; margin: 0 5px 0 12px;
  font-size: 11px; line-height: 12px; text-align: center; vertical-align: middle; color: #222; }
td .key { margin-left: 0; } .state { white-space: nowrap; display: inline-block; }
details { border: 1px solid var(--line); border-radius: 6px; padding: 0 12px; margin: 1em 0; }
details[open] { padding-bottom: 12px; } summary { cursor: pointer; padding: 10px 0; font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(6em, max-content) 1fr; gap: 4px 16px; margin: 1em 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; } }
code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; } pre { white-space: pre-wrap;
  margin: 0; }
@media (max-width: 600px) {
  .texts, .texts tbody, .texts tr, .texts td { display: block; } .texts th { display: none; }
  .texts tr { border-bottom: 2px solid var(--line); padding: 6px 0; } .texts td { border: none; padding: 1px 0; }
  .texts td:empty { display: none; } .texts td::before { content: attr(data-name) ": "; color: var(--soft); } }
@media print { details > * { display: block; } nav, .skip { display: none; } }
"""
