const table = (v) => h('div', { class: 'scroll' }, h('table', {},
  h('thead', {}, h('tr', {}, v.head.map((t) => h('th', { scope: 'col' }, t)))),
  h('tbody', {}, v.rows.map((r) => h('tr', {}, r.map((c, i) => i ? h('td', { class: 'num' }, c) : h('th', { scope: 'row', title: c }, c)))))));
const bar = (b, n) => h('li', {},
  h('p', {}, h('b', { class: 'num' }, n + 1), h('span', { class: 'name', title: b.name }, b.name), h('span', { class: 'quiet num' }, b.words)),
  h('div', { class: 'track' }, h('span', { class: 'range', style: 'left:' + 100 * b.low + '%;width:' + 100 * (b.high - b.low) + '%' }),
    h('i', { style: 'left:' + 100 * b.rate + '%' })));
paint((v) => {
  if ((v.rows || []).length) return table(v);
  if ((v.bars || []).length) return h('ol', {}, v.bars.map(bar));
  return h('div', { class: 'empty' }, v.empty || 'Nothing yet.');
});
