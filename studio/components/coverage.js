const SHORT = { 'profile-left': 'profile L', 'half-left': 'half L', front: 'front', 'half-right': 'half R', 'profile-right': 'profile R' };
const words = (name, have, waiting, planned) => {
  const parts = [have ? have + ' good' : 'none yet'];
  if (waiting) parts.push(waiting + ' to review');
  if (planned) parts.push(planned + ' in this plan');
  return name.replace('/', ', ') + ': ' + parts.join(', ');
};
paint((v) => {
  const angles = v.angles || [], expressions = v.expressions || [];
  let full = 0;
  const cell = (angle, expression) => {
    const name = angle + '/' + expression;
    const have = (v.have || {})[name] || 0, waiting = (v.waiting || {})[name] || 0, planned = (v.planned || {})[name] || 0;
    if (have) full += 1;
    const label = words(name, have, waiting, planned);
    return h('button', {
      class: 'dot' + (have ? ' have' : waiting ? ' waiting' : '') + (planned ? ' planned' : ''), type: 'button',
      title: label, 'aria-label': label, 'data-cell': name, onclick: () => trigger('pick', { angle, expression }),
    }, have || waiting || '');
  };
  const rows = expressions.map((e) => [h('span', { class: 'row' }, e), angles.map((a) => cell(a, e))]);
  return [
    h('div', { class: 'grid', style: 'grid-template-columns: auto repeat(' + angles.length + ', 1fr)' },
      h('span'), angles.map((a) => h('span', { class: 'col' }, SHORT[a] || a)), rows),
    h('p', { class: 'key' }, h('b', { class: 'num' }, full + ' of ' + angles.length * expressions.length), ' cells ',
      h('i', { class: 'dot have' }), 'have ', h('i', { class: 'dot waiting' }), 'to review ',
      h('i', { class: 'dot planned' }), 'planned ', h('i', { class: 'dot' }), 'card needs'),
  ];
});
