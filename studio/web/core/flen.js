/** What the modules that are not taken apart yet (review, pictures, card) know of the rest of the page. */

import { lineDoor } from "../line/door.js";
import { h } from "./dom.js";
import { facts } from "./facts.js";
import { minutes } from "./format.js";
import { icon } from "./icons.js";
import { island } from "./island.js";
import { live, onMoved, poll, whenSeen } from "./live.js";
import { get, pictureUrl, post } from "./net.js";
import { openTab } from "./tabs.js";
import { attempt, button, dialog, toast, typing } from "./ui.js";

export const flenPage = facts;
export const flen = {
  el: h,
  icon,
  get,
  post,
  img: pictureUrl,
  toast,
  attempt,
  button,
  dialog,
  typing,
  minutes,
  openTab,
  poll,
  onMoved,
  whenSeen,
  lineButton: lineDoor,
  get state() {
    return live.state;
  },
  islands: new Proxy(
    {},
    {
      set(_, name, fill) {
        island(String(name), (frame) =>
          fill(frame.root, frame.options, {
            value: () => frame.value,
            tell: (/** @type {any} */ value) => frame.tell(value),
            say: (/** @type {any} */ data) => frame.trigger("select", data),
            onValue: (/** @type {any} */ listen) => frame.onValue(listen),
          }),
        );
        return true;
      },
    },
  ),
};
