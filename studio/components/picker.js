const draw = paint((v) => {
  const items = v.items || [], ticked = new Set(v.ticked || []);
  if (!items.length) return h('div', { class: 'empty' }, v.empty || 'No pictures yet.');
  const put = (ids) => { set({ ticked: items.map((i) => i.id).filter((i) => ids.has(i)) }); draw(); trigger('ticks', {}); };
  const flip = (id) => { const ids = new Set(ticked); ids.has(id) ? ids.delete(id) : ids.add(id); put(ids); };
  const choose = (id) => {
    const at = element.querySelector('.grid').scrollTop;
    set({ selected: v.selected === id ? '' : id });
    draw();
    element.querySelector('.grid').scrollTop = at;
    trigger('pick', { id: val().selected });
  };
  const all = ticked.size === items.length;
  return [
    h('div', { class: 'pt-bar' }, h('span', { class: 'num' }, ticked.size + ' of ' + items.length + ' ticked'),
      h('button', { type: 'button', class: 'link', onclick: () => put(new Set(all ? [] : items.map((i) => i.id))) }, all ? 'none' : 'all')),
    h('div', { class: 'grid' }, items.map((item) => h('div', {
      class: 'item' + (ticked.has(item.id) ? ' ticked' : '') + (v.selected === item.id ? ' selected' : ''), 'data-id': item.id,
    },
      h('button', { type: 'button', class: 'thumb', title: [item.name, item.note].filter(Boolean).join('\n'),
        'aria-label': 'select ' + item.name + ', ' + item.tag, 'aria-pressed': String(v.selected === item.id),
        onclick: () => choose(item.id) },
        h('img', { src: picture(item.id, 256), alt: '', loading: 'lazy' }),
        item.doubt ? h('span', { class: 'doubt', 'aria-hidden': 'true' }, '!') : null),
      h('label', { class: 'tick' }, h('input', { type: 'checkbox', checked: ticked.has(item.id), 'aria-label': 'use ' + item.name,
        onchange: () => flip(item.id) })),
      h('span', { class: 'tag' + (item.unknown ? ' unknown' : '') }, item.tag)))),
  ];
});
