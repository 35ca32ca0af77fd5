const draw = paint((v) => {
  const rows = v.rows || [];
  if (!rows.length) return h('div', { class: 'empty' }, v.empty || 'No training yet.');
  return h('div', { class: 'list' }, rows.map((r) => h('button', {
    type: 'button', class: 'run' + (r.id === v.selected ? ' selected' : ''), 'data-id': r.id, 'aria-pressed': String(r.id === v.selected),
    onclick: () => { set({ selected: r.id }); draw(); trigger('pick', { id: r.id }); },
  },
    h('span', { class: 'top' }, h('b', {}, r.title), h('span', { class: 'chip ' + r.tone }, r.state),
      h('span', { class: 'when quiet' }, new Date(r.when).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }))),
    h('span', { class: 'facts num' }, r.facts), h('span', { class: 'quiet' }, r.lineage))));
});
