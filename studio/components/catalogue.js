const open = new Set();
overtaken = () => setTimeout(() => trigger('ticks', {}));  // Python took in the tick before: this one is told again
const dots = (n) => h('span', { class: 'dots', role: 'img', 'aria-label': n ? 'relevance ' + n + ' of 5' : 'relevance unknown', title: n ? 'relevance ' + n + ' of 5' : 'relevance unknown' },
  [1, 2, 3, 4, 5].map((i) => h('i', { class: i <= n ? 'on' : '' })));
const draw = paint((v) => {
  const items = v.items || [], ticked = new Set(v.ticked || []);
  const flip = (key) => {
    ticked.has(key) ? ticked.delete(key) : ticked.add(key);
    set({ ticked: items.map((i) => i.key).filter((k) => ticked.has(k)) });
    trigger('ticks', {});
  };
  return h('div', { class: 'list' }, items.map((item) => {
    const more = h('div', { class: 'more' }, item.warning ? h('p', { class: 'warning' }, item.warning) : null,
      item.card ? h('p', {}, item.card) : null,
      item.repo ? h('p', { class: 'quiet repo' }, item.repo + (item.licence ? ', ' + item.licence : '')) : null);
    const fold = h('button', { type: 'button', class: 'name', 'aria-expanded': String(open.has(item.key)), title: item.title, onclick: () => {
      open.has(item.key) ? open.delete(item.key) : open.add(item.key);
      row.classList.toggle('open', open.has(item.key));
      fold.setAttribute('aria-expanded', String(open.has(item.key)));
    } }, item.title);
    const row = h('div', { class: 'entry' + (open.has(item.key) ? ' open' : ''), 'data-key': item.key },
      h('div', { class: 'line' },
        h('input', { type: 'checkbox', checked: ticked.has(item.key), disabled: !item.ready, 'aria-label': 'test ' + item.title,
          title: item.ready ? 'test it' : 'not here: bring the file in below', onchange: () => flip(item.key) }),
        fold, item.relevance ? dots(item.relevance) : null, h('span', { class: 'chip ' + item.tone }, item.status)),
      h('div', { class: 'kind quiet' }, item.kind), more);
    return row;
  }));
});
