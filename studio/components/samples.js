paint((v) => {
  const steps = v.steps || [], prompts = v.prompts || [];
  if (!prompts.length) return h('div', { class: 'empty' }, v.empty || 'No samples yet.');
  const cell = (c, p, s) => c ? h('a', { class: 'cell', href: picture(c.id), target: '_blank', rel: 'noopener', title: p + '\nstep ' + s },
    h('img', { src: picture(c.id, 256), alt: 'step ' + s + ': ' + p, loading: 'lazy' }),
    typeof c.score === 'number' ? h('span', { class: 'score num ' + c.verdict.replace(' ', '-') }, c.score.toFixed(2)) : null)
    : h('span', { class: 'cell none' });
  return h('div', { class: 'scroll' }, h('div', { class: 'grid', style: 'grid-template-columns: minmax(90px, 150px) repeat(' + steps.length + ', minmax(72px, 128px))' },
    h('span'), steps.map((s) => h('span', { class: 'col num' }, 'step ' + s)),
    prompts.map((p, r) => [h('span', { class: 'row', title: p }, p), steps.map((s, c) => cell(v.cells[r][c], p, s))])));
});
