paint((v) => {
  const lines = v.lines || [];
  if (!v.title && !lines.length) return [];
  const body = v.bullets
    ? h('ul', {}, lines.map((line) => h('li', {}, line)))
    : lines.map((line) => h('p', {}, line));
  return h('div', { class: 'words ' + (v.tone || ''), role: v.tone === 'bad' ? 'alert' : undefined },
    v.title ? h('p', { class: 'title' }, v.title) : null, body);
});
