const W = 600, H = 76, BASE = 72, BINS = 44;
let dragging = false;
const pass = (v, cut) => (v.scores || []).filter((s) => s >= cut).length;
const sentence = (v, cut) => {
  const all = (v.scores || []).length + (v.unmeasured || 0), n = pass(v, cut);
  const share = all ? ' (' + Math.round(100 * n / all) + ' %)' : '';
  return n + ' of ' + all + ' pass' + share + ' at ' + cut.toFixed(2);
};
// who shows these pictures dims what is below the line while it is moved; before that nothing is dimmed
const tell = (v) => document.dispatchEvent(new CustomEvent('flen:cut', { detail: { cut: v.moved && (v.scores || []).length ? v.cut : null } }));
const draw = paint((v) => {
  tell(v);
  const scores = v.scores || [];
  if (!scores.length) return h('div', { class: 'empty' }, v.empty || 'No scores yet.');
  const x = (s) => (s - v.low) / (v.high - v.low) * W;
  const counts = Array(BINS).fill(0);
  for (const s of scores) counts[Math.max(0, Math.min(BINS - 1, Math.floor(x(s) / W * BINS)))] += 1;
  const top = Math.max(...counts), step = W / BINS;
  const bars = counts.map((n, i) => n ? svg('rect', {
    x: i * step + 0.75, y: BASE - n / top * (BASE - 10), width: step - 1.5, height: n / top * (BASE - 10), rx: 1.5,
    class: v.low + (i + 0.5) / BINS * (v.high - v.low) >= v.cut ? 'pt-bar in' : 'pt-bar',
  }) : null);
  const ticks = [];
  for (let t = Math.ceil(v.low * 10) / 10; t <= v.high + 1e-9; t += 0.1)
    ticks.push(h('span', { style: 'left:' + 100 * x(t) / W + '%' }, t.toFixed(1)));
  const cut = x(v.cut);
  const move = (score, done) => {
    set({ moved: true, cut: Math.round(Math.min(v.high, Math.max(v.low, score)) * 1000) / 1000 });
    draw();
    if (done) trigger('cut', { cut: val().cut });
  };
  const chart = svg('svg', { viewBox: '0 0 ' + W + ' ' + H, preserveAspectRatio: 'none', class: 'chart' },
    svg('line', { x1: 0, x2: W, y1: BASE, y2: BASE, class: 'axis' }), bars,
    v.threshold === null || v.threshold === undefined ? null
      : svg('line', { x1: x(v.threshold), x2: x(v.threshold), y1: 6, y2: BASE, class: 'threshold' },
        svg('title', {}, 'calibrated threshold ' + v.threshold.toFixed(2))),
    svg('line', { x1: cut, x2: cut, y1: 0, y2: BASE + 4, class: 'cut' }),
    svg('rect', { x: cut - 14, y: 0, width: 28, height: H, class: 'grab' }));
  const at = (event) => {
    const box = root.querySelector('.plot').getBoundingClientRect();
    return v.low + (event.clientX - box.left) / box.width * (v.high - v.low);
  };
  const plot = h('div', {
    class: 'plot', role: 'slider', tabindex: 0, 'aria-label': 'identity cut', 'aria-valuemin': v.low.toFixed(2),
    'aria-valuemax': v.high.toFixed(2), 'aria-valuenow': v.cut.toFixed(2), 'aria-valuetext': sentence(v, v.cut),
    onpointerdown: (e) => {
      e.preventDefault();
      dragging = true;
      const slide = (m) => move(at(m), false);
      const stop = (m) => {
        dragging = false;
        document.removeEventListener('pointermove', slide);
        document.removeEventListener('pointerup', stop);
        move(at(m), true);
        root.querySelector('.plot').focus();
      };
      document.addEventListener('pointermove', slide);
      document.addEventListener('pointerup', stop);
      slide(e);
    },
    onkeydown: (e) => {
      const way = { ArrowLeft: -0.01, ArrowRight: 0.01, PageDown: -0.05, PageUp: 0.05 }[e.key];
      if (!way) return;
      e.preventDefault();
      move(v.cut + way, true);
      root.querySelector('.plot').focus();
    },
  }, chart, h('i', { class: 'grip', style: 'left:' + 100 * cut / W + '%' }), h('div', { class: 'ticks num', 'aria-hidden': 'true' }, ticks));
  return [
    h('p', { class: 'pt-head' }, h('b', { class: 'num' }, sentence(v, v.cut)),
      h('span', { class: 'quiet' }, v.unmeasured ? v.unmeasured + ' could not be measured' : 'drag the line')),
    plot,
  ];
});
