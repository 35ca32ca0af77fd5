const gb = (g) => (g >= 10 ? g.toFixed(1) : g >= 0.095 ? g.toFixed(2) : g.toFixed(3)) + ' GB';
paint((v) => {
  const parts = v.parts || [];
  if (!parts.length) return v.words ? h('p', { class: 'quiet' }, v.words) : [];
  const sum = parts.reduce((a, p) => a + p.gib, 0), scale = Math.max(v.total || 0, sum);
  const share = (g) => (100 * g / scale) + '%';
  return [
    h('p', { class: 'pt-head' }, h('b', { class: 'num' }, gb(sum)), v.total ? ' of ' + gb(v.total) : '',
      h('span', { class: 'chip ' + (v.fits ? 'good' : 'bad') }, v.fits ? 'fits' : 'does not fit')),
    h('div', { class: 'track', role: 'img', 'aria-label': 'memory: ' + parts.map((p) => p.name + ' ' + gb(p.gib)).join(', ') },
      parts.map((p, i) => h('span', { class: 'part', style: 'width:' + share(p.gib) + ';--i:' + i, title: p.name + ' ' + gb(p.gib) })),
      v.total && v.total < scale ? h('i', { class: 'limit', style: 'left:' + share(v.total) }) : null),
    h('p', { class: 'legend' }, parts.map((p, i) => h('span', {}, h('i', { class: 'part', style: '--i:' + i }), p.name + ' ', h('span', { class: 'num quiet' }, gb(p.gib))))),
    v.words ? h('p', { class: v.fits ? 'quiet' : 'bad' }, v.words) : null,
  ];
});
