const W = 640, H = 240, L = 46, B = 26, T = 10, R = 10;
const nice = (low, high, n) => {
  const raw = (high - low) / n || 1, mag = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * mag).find((m) => m >= raw);
  const out = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-6; t += step) out.push(t);
  return out;
};
const short = (x) => Math.abs(x) >= 100 || Number.isInteger(x) ? String(Math.round(x)) : x.toPrecision(3).replace(/\.?0+$/, '');
paint((v) => {
  const lines = (v.series || []).filter((s) => s.raw.length);
  if (!lines.length) return h('div', { class: 'empty tall' }, v.empty || 'No curve yet.');
  const all = lines.flatMap((s) => [...s.raw, ...(s.fixed || []), ...(s.dots || [])]);
  const ys = [...all.map((p) => p[1]), ...(v.rule ? [v.rule.value] : [])].sort((a, b) => a - b), digits = v.digits || 4;
  const xmax = Math.max(v.total || 0, ...all.map((p) => p[0])), xmin = Math.min(0, ...all.map((p) => p[0]));
  let low = ys[0], high = ys[Math.min(ys.length - 1, Math.ceil(ys.length * (v.whole ? 1 : 0.98)))];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.1 || 0.1;
  low -= pad; high += pad;
  const x = (s) => L + (s - xmin) / (xmax - xmin || 1) * (W - L - R);
  const y = (value) => T + (1 - (Math.min(value, high) - low) / (high - low)) * (H - T - B);
  const path = (points) => points.map((p, i) => (i ? 'L' : 'M') + x(p[0]).toFixed(1) + ' ' + y(p[1]).toFixed(1)).join('');
  const chart = svg('svg', { viewBox: '0 0 ' + W + ' ' + H, class: 'chart', role: 'img', 'aria-label': (v.title || 'curve') + ' over steps' },
    nice(low, high, 4).map((t) => [svg('line', { x1: L, x2: W - R, y1: y(t), y2: y(t), class: 'rule' }),
      svg('text', { x: L - 7, y: y(t) + 3.5, class: 'ytick' }, short(t))]),
    nice(xmin, xmax, 6).filter((t) => x(t) < W - R - 30).map((t) => svg('text', { x: x(t), y: H - 8, class: 'xtick' }, short(t))),
    v.rule ? [svg('line', { x1: L, x2: W - R, y1: y(v.rule.value), y2: y(v.rule.value), class: 'mark' }),
      svg('text', { x: W - R, y: y(v.rule.value) - 4, class: 'unit' }, v.rule.words)] : null,
    lines.map((s) => (s.dots || []).map((p) => svg('circle', { cx: x(p[0]), cy: y(p[1]), r: 2.6, class: 'one' + (s.faded ? ' faded' : '') },
      svg('title', {}, p[2] + ': ' + p[1].toFixed(digits) + ' at step ' + p[0])))),
    lines.map((s, i) => [svg('path', { d: path(s.raw), class: 'raw' + (s.faded ? ' faded' : ''), style: '--i:' + i }),
      svg('path', { d: path(s.smooth), class: 'smooth' + (s.faded ? ' faded' : ''), style: '--i:' + i }),
      (s.fixed || []).length > 1 ? svg('path', { d: path(s.fixed), class: 'fixed' + (s.faded ? ' faded' : '') }) : null,
      (s.fixed || []).map((p) => svg('circle', { cx: x(p[0]), cy: y(p[1]), r: 3, class: 'point' + (s.faded ? ' faded' : '') },
        svg('title', {}, s.name + ', fixed pictures and noise: ' + p[1].toFixed(4) + ' at step ' + p[0])))]),
    svg('line', { class: 'cursor', y1: T, y2: H - B, x1: -9, x2: -9 }),
    svg('text', { x: W - R, y: H - 8, class: 'unit' }, 'step'));
  const read = h('span', { class: 'num quiet' });
  const rest = () => { read.textContent = lines.map((s) => s.smooth.at(-1)[1].toFixed(digits) + ' at step ' + s.raw.at(-1)[0]).slice(-1)[0]; };
  rest();
  chart.addEventListener('pointermove', (e) => {
    const box = chart.getBoundingClientRect();
    const step = xmin + ((e.clientX - box.left) / box.width * W - L) / (W - L - R) * (xmax - xmin);
    const near = lines.map((s) => [s.name, s.smooth.reduce((a, p) => Math.abs(p[0] - step) < Math.abs(a[0] - step) ? p : a)]);
    const cursor = chart.querySelector('.cursor');
    cursor.setAttribute('x1', x(near[0][1][0])); cursor.setAttribute('x2', x(near[0][1][0]));
    read.textContent = near.map(([name, p]) => (lines.length > 1 ? name + ' ' : '') + p[1].toFixed(digits) + ' at step ' + p[0]).join('   ');
  });
  chart.addEventListener('pointerleave', () => { rest(); for (const k of ['x1', 'x2']) chart.querySelector('.cursor').setAttribute(k, -9); });
  return [
    h('div', { class: 'pt-head' }, h('b', {}, v.title || 'loss'), lines.map((s, i) => h('span', { class: 'legend' },
      h('i', { style: '--i:' + i, class: s.faded ? 'faded' : '' }), s.name)),
      lines.some((s) => (s.dots || []).length) ? h('span', { class: 'legend' }, h('i', { class: 'ring' }), 'one picture') : null,
      lines.some((s) => (s.fixed || []).length) ? h('span', { class: 'legend' }, h('i', { class: 'ring' }), 'fixed pictures and noise') : null,
      h('span', { class: 'read' }, read)),
    chart,
  ];
});
