// @ts-check
/** The one way to draw: elements made by `h` and `svg`. Strings become text nodes, never markup. */

/** @import { Child, Props } from "../shapes.js" */

const SVG = "http://www.w3.org/2000/svg";
/** Attributes that say "false" by that word, not by being absent. */
const SPELT_OUT = new Set(["draggable", "spellcheck"]);

/**
 * @param {Element} node
 * @param {string} key
 * @param {any} value
 */
function setProp(node, key, value) {
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "dataset") Object.assign(/** @type {HTMLElement} */ (node).dataset, value);
  else if (key === "style") setStyle(/** @type {HTMLElement} */ (node), value);
  else if (key === "value" && "value" in node) node.value = value;
  else if (SPELT_OUT.has(key) || typeof value !== "boolean") node.setAttribute(key, String(value));
  else if (key in node) Object.assign(node, { [key]: value });
  else node.setAttribute(key, "");
}

/**
 * @param {HTMLElement | SVGElement} node
 * @param {Record<string, string | number>} style
 */
function setStyle(node, style) {
  for (const [name, value] of Object.entries(style)) node.style.setProperty(name, String(value));
}

/**
 * Children as nodes and strings: lists are flattened, nothing (`null`, `undefined`, `false`) is left out.
 * @param {readonly Child[]} children
 * @returns {(Node | string)[]}
 */
function flat(children) {
  const out = [];
  for (const child of children) {
    if (Array.isArray(child)) out.push(...flat(child));
    else if (child instanceof Node) out.push(child);
    else if (child !== null && child !== undefined && child !== false) out.push(String(child));
  }
  return out;
}

/**
 * @template {Element} E
 * @param {E} node
 * @param {Props | null | undefined} props
 * @param {readonly Child[]} children
 * @returns {E}
 */
function fill(node, props, children) {
  node.append(...flat(children)); // before the props: the value of a <select> needs its options
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || (value === false && !SPELT_OUT.has(key))) continue;
    setProp(node, key, value);
  }
  return node;
}

/**
 * An HTML element. Props: `on...` are listeners, `dataset` and `style` objects; `true` is a bare attribute; `undefined`,
 * `null` and `false` are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/**
 * An SVG element; props and children as `h` takes them.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/**
 * Replaces what is in `node`.
 * @param {Element} node
 * @param {...Child} children
 */
export function put(node, ...children) {
  node.replaceChildren(...flat(children));
}

/**
 * Sets an image's address only when it is another one, so that it does not flicker; "" takes it away.
 * @param {HTMLImageElement} image
 * @param {string} source
 */
export function show(image, source) {
  if ((image.getAttribute("src") ?? "") === source) return;
  if (source) image.src = source;
  else image.removeAttribute("src");
}

/**
 * @param {Element} node
 * @param {boolean} on
 */
export function press(node, on) {
  node.setAttribute("aria-pressed", String(on));
}

/**
 * The one element that a selector finds; it must be there.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function one(root, selector) {
  const found = root.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`The page has no ${selector}.`);
  return found;
}

/**
 * The element that an event came from, if it is or is inside what `selector` names.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function within(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null;
}
