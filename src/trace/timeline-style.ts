// Colours and letters of the timeline. Blue and orange of Okabe and Ito, told apart by every kind of colour vision.
// https://jfly.uni-koeln.de/color/

export const timelineStyle: string = `
.timeline { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; fill: #1f2933; }
.background { fill: #ffffff; stroke: #d5dae1; }
.lane { fill: #f3f5f8; }
.grid { stroke: #d9dee5; stroke-width: 1; }
.title { font-size: 17px; font-weight: 650; }
.strong { font-weight: 600; }
.quiet { fill: #5b6672; font-size: 11px; }
.slice { fill: #0072b2; }
.attention { fill: #e69f00; }
.tint-0 { fill: #ffffff; fill-opacity: 0.12; }
.tint-1 { fill: #ffffff; fill-opacity: 0.24; }
.on-slice { fill: #ffffff; font-size: 11px; }
.on-attention { fill: #1f1500; font-size: 11px; }
.flight { fill: #e3e8ee; stroke: #8592a3; stroke-width: 1; }
.fence { stroke: #1f2933; stroke-width: 1.25; fill: #1f2933; }
@media (prefers-color-scheme: dark) {
.timeline { fill: #e6eaf0; }
.background { fill: #12161c; stroke: #2b323c; }
.lane { fill: #1a2029; }
.grid { stroke: #2c3540; }
.quiet { fill: #98a4b3; }
.flight { fill: #262f3a; stroke: #66758a; }
.fence { stroke: #f0f3f7; fill: #f0f3f7; }
}
`;

/** For a training step: sky blue, vermilion and bluish green of the same eight colours, all with dark letters. */
export const gradientStyle: string = `
.slice-gradient { fill: #56b4e9; }
.attention-gradient { fill: #d55e00; }
.weight-gradient { fill: #009e73; }
.on-slice-gradient { fill: #06202e; font-size: 11px; }
.on-attention-gradient { fill: #190b00; font-size: 11px; }
.on-weight-gradient { fill: #001a13; font-size: 11px; }
`;
