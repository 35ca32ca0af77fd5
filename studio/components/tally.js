paint((v) => {
  const rows = v.rows || [], origins = v.origins || [], reasons = v.reasons || [];
  const sum = (r) => Object.values(r.counts).reduce((a, n) => a + n, 0);
  const top = Math.max(1, ...rows.map(sum));
  const bar = (r) => origins.filter((o) => r.counts[o]).map((o) => h('span', {
    class: 'seg', style: 'width:' + 100 * r.counts[o] / top + '%;--i:' + origins.indexOf(o), title: r.counts[o] + ' ' + o }));
  const gate = h('div', { class: 'gate ' + (reasons.length ? 'shut' : 'open') },
    h('b', {}, reasons.length ? 'The gate is shut' : 'The gate is open'),
    reasons.length ? h('ul', {}, reasons.map((r) => h('li', {}, r)))
      : h('p', { class: 'quiet' }, 'Every picture was judged one by one and let through.'));
  if (!v.total) return [h('div', { class: 'empty' }, v.empty || 'No pictures yet.'), reasons.length ? gate : null];
  return [
    h('p', { class: 'pt-head' }, h('b', { class: 'num' }, v.total + ' pictures'),
      h('span', { class: 'legend' }, origins.map((o, i) => h('span', {}, h('i', { class: 'seg', style: '--i:' + i }),
        o + ' ' + rows.reduce((a, r) => a + (r.counts[o] || 0), 0))))),
    h('div', { class: 'rows' }, rows.map((r) => [h('span', { class: 'name' }, r.name === 'unsure' ? 'unknown' : r.name), h('div', { class: 'pt-bar' }, bar(r)),
      h('span', { class: 'num n' + (sum(r) ? '' : ' none') }, sum(r))])),
    gate,
  ];
});
