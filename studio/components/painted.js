const root = element.querySelector('.painted');
const fill = (node, props, kids) => {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : String(value));
  }
  for (const kid of kids.flat(Infinity)) {
    if (kid === null || kid === undefined || kid === false) continue;
    node.append(kid instanceof Node ? kid : document.createTextNode(String(kid)));
  }
  return node;
};
const h = (tag, props, ...kids) => fill(document.createElement(tag), props, kids);
const svg = (tag, props, ...kids) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, kids);
const picture = (id, width) => '/img/' + encodeURIComponent(id) + (width ? '?w=' + width : '');
const val = () => props.value || {};
// What the user did here (ticks, a selection) is ours until Python has seen it: an answer that was on its way carries
// an older count `rev` and must not take it back.
const mine = {};
let rev = 0;
const set = (patch) => {
  rev += 1;
  Object.assign(mine, patch);
  props.value = { ...val(), ...patch, rev };
};
let overtaken = () => {};  // what a component does when such an answer came
const settle = () => {
  if ((val().rev || 0) >= rev) return;
  props.value = { ...val(), ...mine, rev };
  overtaken();
};
const paint = (draw) => {
  const safe = () => { root.replaceChildren(...[draw(val())].flat().filter(Boolean)); };
  watch('value', () => { settle(); safe(); });
  safe();
  return safe;
};
