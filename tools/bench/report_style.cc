// SPDX-License-Identifier: Apache-2.0
// Colours: eight that stay apart for the colour-blind and on both grounds, in this order; names of the classes are
// those of report_svg.h and report_heat.cc. At 700 pixels the plots for narrow screens take over from those of 760,
// which scale down as far as that and stay legible; paper is about as wide, so it gets the wide ones.
#include <string_view>

#include "report_page.h"

namespace sluice::bench {

namespace {

constexpr std::string_view style = R"css(:root {
  color-scheme: light dark;
  --ground: #f7f7f5; --paper: #ffffff; --ink: #14171a; --soft: #5a6068; --grid: #e6e7e4; --axis: #b3b6b2;
  --edge: #dfe1dd; --reference: #14171a;
  --s0: #2a78d6; --s1: #eb6834; --s2: #1baf7a; --s3: #d99400; --s4: #d9609a; --s5: #008300; --s6: #4a3aa7; --s7: #e34948;
  --h0: transparent; --h1: #fdebdd; --h2: #fbcdaa; --h3: #f4a06a; --h4: #c9551c; --h5: #7d2c06;
  --t0: #14171a; --t1: #14171a; --t2: #14171a; --t3: #14171a; --t4: #ffffff; --t5: #ffffff;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #111314; --paper: #1a1d1f; --ink: #f1f3f4; --soft: #a9b0b6; --grid: #2b3033; --axis: #565d62;
    --edge: #2b3033; --reference: #f1f3f4;
    --s0: #4a94ea; --s1: #e56f3c; --s2: #22a878; --s3: #cf9220; --s4: #dc6396; --s5: #3f9e3f; --s6: #9085e9; --s7: #e66767;
    --h1: #33231a; --h2: #573420; --h3: #8d4a22; --h4: #d2703a; --h5: #ffb990;
    --t0: #f1f3f4; --t1: #f1f3f4; --t2: #f1f3f4; --t3: #ffffff; --t4: #14171a; --t5: #14171a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto,
  "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 1500px; margin: 0 auto; padding: 40px 32px 56px; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 12px; }
h2 { font-size: 21px; line-height: 1.3; letter-spacing: -0.01em; margin: 0 0 12px; }
code, .mono { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: 0.9em; }
ul { list-style: none; margin: 0; padding: 0; }
.sources { color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.sources strong { color: var(--ink); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 0; }
.tiles li { background: var(--paper); border: 1px solid var(--edge); border-radius: 10px; padding: 14px 16px;
  flex: 1 1 180px; max-width: 340px; }
.tiles strong { display: block; font-size: 27px; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em; }
.tiles span { display: block; margin-top: 4px; color: var(--soft); font-size: 13px; line-height: 1.4;
  overflow-wrap: anywhere; }
section { background: var(--paper); border: 1px solid var(--edge); border-radius: 12px; padding: 24px; margin: 20px 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 16px; margin: 0 0 20px; font-size: 14px;
  max-width: 1000px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.body { display: flex; flex-wrap: wrap; gap: 24px 32px; }
.plots { flex: 1 1 640px; min-width: 0; max-width: 760px; }
figure { margin: 0 0 16px; }
figcaption { font-weight: 600; font-size: 14px; margin: 8px 0; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 12px; font-size: 13px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 7px; overflow-wrap: anywhere; }
.swatch { flex: none; display: inline-block; width: 13px; height: 13px; border-radius: 2px; background: currentColor; }
.swatch.stroke { width: 2px; border-radius: 0; color: var(--ink); margin: 0 4px; }
.swatch.shape0 { border-radius: 50%; }
.swatch.shape2 { clip-path: polygon(50% 0, 100% 100%, 0 100%); }
.swatch.shape3 { clip-path: polygon(50% 0, 100% 50%, 50% 100%, 0 50%); }
.numbers { overflow-x: auto; flex: 0 1 auto; min-width: 0; max-width: 100%; }
table { border-collapse: collapse; font-size: 13px; line-height: 1.35; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); vertical-align: bottom; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th.mono { font-family: inherit; }
td.mono { font-size: 12px; }
.n { text-align: right; }
th:last-child, td:last-child { padding-right: 2px; }
footer { margin: 24px 0 0; color: var(--soft); font-size: 13px; max-width: 1000px; }

svg.plot { display: block; width: 100%; height: auto; font-family: inherit; }
svg.plot.narrow { max-width: 460px; display: none; }
.legend .only-narrow { display: none; }
svg .mono { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
svg text { fill: var(--ink); font-variant-numeric: tabular-nums; white-space: pre; }
svg text.soft { fill: var(--soft); }
svg text.heading { font-weight: 600; fill: var(--soft); }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.grid { stroke: var(--grid); }
.axis { stroke: var(--axis); }
.reference { stroke: var(--reference); stroke-dasharray: 4 3; }
.mark { stroke: var(--ink); stroke-width: 1.5; }
.series { fill: none; stroke: currentColor; stroke-width: 2.25; stroke-linejoin: round; }
.leader { fill: none; stroke: var(--axis); }
.marker { fill: currentColor; stroke: var(--paper); stroke-width: 1.5; }
.bar { fill: currentColor; }
.bar.pale { opacity: 0.32; }
.s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); } .s3 { color: var(--s3); }
.s4 { color: var(--s4); } .s5 { color: var(--s5); } .s6 { color: var(--s6); } .s7 { color: var(--s7); }
.reference[class*=" s"], .leader[class*=" s"] { stroke: currentColor; }
rect.h0 { fill: none; } rect.h1 { fill: var(--h1); } rect.h2 { fill: var(--h2); } rect.h3 { fill: var(--h3); }
rect.h4 { fill: var(--h4); } rect.h5 { fill: var(--h5); }
rect.h0 { stroke: var(--edge); }
i.h0 { background: none; border: 1px solid var(--axis); } i.h1 { background: var(--h1); } i.h2 { background: var(--h2); }
i.h3 { background: var(--h3); } i.h4 { background: var(--h4); } i.h5 { background: var(--h5); }
svg text.on.h0 { font-weight: 700; } svg text.on.h1 { fill: var(--t1); } svg text.on.h2 { fill: var(--t2); }
svg text.on.h3 { fill: var(--t3); } svg text.on.h4 { fill: var(--t4); } svg text.on.h5 { fill: var(--t5); }

@media screen and (max-width: 700px) {
  main { padding: 22px 10px 36px; }
  h1 { font-size: 25px; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(148px, 1fr)); gap: 8px; }
  .tiles strong { font-size: 22px; }
  section { padding: 16px 10px; border-radius: 8px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin: 0 0 8px; }
  svg.plot.wide { display: none; }
  svg.plot.narrow { display: block; }
  .legend li.only-narrow { display: flex; }
  .legend i.only-narrow { display: inline-block; }
}
@media print {
  body { background: none; font-size: 12px; }
  main { max-width: none; padding: 0; }
  section { border: 0; border-top: 1px solid var(--edge); border-radius: 0; padding: 16px 0 0; }
  .tiles li, figure, tr { break-inside: avoid; }
  h2, dl, figcaption, .legend { break-after: avoid; }
  table, td.mono { font-size: 10px; }
  th, td { padding-right: 10px; }
  .body { display: block; }
  .numbers { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

}  // namespace

std::string_view report_style() {
  return style;
}

}  // namespace sluice::bench
