/** How the page looks: by day, by night, and on paper. */
import { Markup } from './markup.ts'

/** A hue for each phase; those that take no part in the way back are grey. */
export const styles = new Markup(`
:root {
  --page: #f6f5f2; --card: #ffffff; --ink: #16181d; --soft: #565b66; --faint: #8b909b; --line: #e3e1db; --track: #eceae4;
  --blue: #2a6fd6; --teal: #0f9d87; --violet: #7a5ae0; --amber: #d98a00; --grey: #a5a9b2; --pale: #cfd2d8;
  --good: #0a7d42; --good-bg: #e2f4ea; --bad: #c62828; --bad-bg: #fdeaea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121317; --card: #1b1d22; --ink: #f0f1f3; --soft: #b3b8c2; --faint: #868c98; --line: #2d3037; --track: #2a2d34;
    --blue: #4f8ff0; --teal: #2bb8a0; --violet: #9a80f5; --amber: #e0a030; --grey: #757b87; --pale: #4b505a;
    --good: #58d28f; --good-bg: #14321f; --bad: #ff8080; --bad-bg: #3a1a1c;
  }
}
* { box-sizing: border-box; margin: 0; padding: 0; }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 40px 20px 48px; }
code, .evidence { font: 0.86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
header { margin-bottom: 24px; }
h1 { font-size: 32px; line-height: 1.2; font-weight: 650; letter-spacing: -0.01em; display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
h2 { font-size: 16px; font-weight: 650; margin-bottom: 12px; }
.tally { font-weight: 400; color: var(--soft); margin-left: 6px; }
.eyebrow, .label { color: var(--soft); font-size: 0.87em; font-weight: 600; }
.lead { font-size: 17px; margin: 10px 0 6px; }
.meta, .small { color: var(--soft); font-size: 0.87em; }
.badge { font-size: 15px; font-weight: 650; letter-spacing: 0; padding: 2px 12px; border-radius: 999px; white-space: nowrap; }
.figure .badge { font-size: 13px; vertical-align: middle; }
.badge.passed { color: var(--good); background: var(--good-bg); }
.badge.failed { color: var(--bad); background: var(--bad-bg); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin-top: 14px; }
.objectives, .columns { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
.objectives { background: none; border: 0; padding: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px; }
.columns { gap: 28px; }
.figure { font-size: 30px; font-weight: 650; letter-spacing: -0.01em; line-height: 1.35; }
abbr { text-decoration: none; color: var(--faint); font-weight: 400; margin-left: 4px; }
.gauge { height: 6px; border-radius: 3px; background: var(--track); margin: 6px 0 8px; overflow: hidden; }
.gauge div { height: 100%; border-radius: 3px; }
.gauge .within { background: var(--blue); } .gauge .over { background: var(--bad); }
.fault { border-color: var(--bad); } .fault h2 { color: var(--bad); } .hint { color: var(--soft); margin-top: 6px; }
ol, ul { list-style: none; }
.checklist > li { display: grid; grid-template-columns: 26px 1fr auto; gap: 2px 8px; padding: 9px 0; border-top: 1px solid var(--line); break-inside: avoid; }
.checklist > li:first-child { border-top: 0; padding-top: 0; } .checklist > li:last-child { padding-bottom: 0; }
.mark { width: 20px; height: 20px; margin-top: 1px; border-radius: 50%; font-size: 12px; font-weight: 700; line-height: 20px; text-align: center; background: var(--track); color: var(--soft); }
.ok .mark { background: var(--good-bg); color: var(--good); } .failed .mark { background: var(--bad-bg); color: var(--bad); }
.question { font-weight: 550; } .question code { color: var(--faint); font-weight: 400; overflow-wrap: anywhere; }
.not-asked .question { color: var(--soft); }
.reason { color: var(--soft); } .failed .reason { color: var(--bad); }
.evidence { color: var(--soft); overflow-wrap: anywhere; margin-top: 2px; } .evidence li { white-space: pre-wrap; }
.took { color: var(--faint); font-size: 0.87em; white-space: nowrap; font-variant-numeric: tabular-nums; }
.phases { display: flex; gap: 2px; height: 22px; margin-bottom: 14px; }
.phases div { flex-basis: 0; min-width: 3px; }
.phases div:first-child { border-radius: 5px 0 0 5px; } .phases div:last-child { border-radius: 0 5px 5px 0; } .phases div:only-child { border-radius: 5px; }
.provisioning { background: var(--grey); } .restore { background: var(--blue); } .replay { background: var(--teal); }
.erasures { background: var(--violet); } .checks { background: var(--amber); } .removal { background: var(--pale); }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 9px; }
table { width: 100%; border-collapse: collapse; font-size: 0.93em; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 0.87em; padding: 0 12px 5px 0; }
td { padding: 5px 12px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.break { overflow-wrap: anywhere; }
dl > div { display: grid; grid-template-columns: 114px 1fr; gap: 8px; padding: 4px 0; }
dt { color: var(--soft); } dd { overflow-wrap: anywhere; } dd .small { display: block; }
.notes li { padding: 2px 0 2px 16px; position: relative; } .notes li::before { content: "•"; position: absolute; left: 2px; color: var(--faint); }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--soft); } svg .strong { fill: var(--ink); font-weight: 600; } svg text.failed { fill: var(--bad); font-size: 11px; }
svg .grid { stroke: var(--line); } svg .target { stroke: var(--ink); stroke-dasharray: 5 4; }
svg path.passed { fill: color-mix(in srgb, var(--blue) 45%, var(--card)); } svg path.passed.last { fill: var(--blue); }
svg path.failed { fill: color-mix(in srgb, var(--bad) 60%, var(--card)); } svg path.failed.last { fill: var(--bad); }
footer { color: var(--soft); font-size: 0.87em; margin-top: 20px; overflow-wrap: anywhere; }
@media (max-width: 620px) {
  .objectives, .columns { grid-template-columns: 1fr; } main { padding: 20px 12px; } section { padding: 14px; }
  .question code { display: block; margin-left: 0; }
  th:nth-child(3):not(:last-child), td:nth-child(3):not(:last-child) { display: none; }
}
@media print {
  @page { margin: 14mm; }
  :root {
    --page: #fff; --card: #fff; --ink: #000; --soft: #444; --faint: #666; --line: #ccc; --track: #eee;
    --blue: #2a6fd6; --teal: #0f9d87; --violet: #7a5ae0; --amber: #d98a00; --grey: #a5a9b2; --pale: #cfd2d8;
    --good: #0a6b38; --good-bg: #e2f4ea; --bad: #b71c1c; --bad-bg: #fdeaea;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11px; } main { max-width: none; padding: 0 1px; } h1 { font-size: 24px; } .lead { font-size: 0.87em; }
  .figure { font-size: 20px; } h2 { font-size: 0.87em; } section, .card { padding: 10px 12px; margin-top: 8px; } .objectives { gap: 8px; }
  section, tr, .card { break-inside: avoid; } .long { break-inside: auto; }
  section { -webkit-box-decoration-break: clone; box-decoration-break: clone; } h2, thead { break-after: avoid; } td { padding-top: 3px; padding-bottom: 3px; }
}
`)
