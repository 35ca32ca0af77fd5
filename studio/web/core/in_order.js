// @ts-check
/**
 * What the page asks of Gradio arrives in the order in which it was asked. Gradio sends each event by a request of its
 * own, several at a time, and the browser over several lines: what was set last could be read first, and then what was
 * set before it would be shown and kept.
 */

const EVENT = /\/gradio_api\/queue\/join(\?|$)/;

/** From now on each event waits until the one before has been taken in. */
export function keepOrder() {
  const send = window.fetch;
  let before = Promise.resolve();
  window.fetch = (address, options) => {
    if (!EVENT.test(address instanceof Request ? address.url : String(address))) return send(address, options);
    const taken = before.then(() => send(address, options));
    before = taken.then(
      () => {},
      () => {},
    );
    return taken;
  };
}
