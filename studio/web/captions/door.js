// @ts-check
/** The button that opens the captions of the character. */

import { island } from "../core/island.js";
import { button } from "../core/ui.js";
import { openCaptions } from "./dialog.js";

island("captions", ({ root, options }) => {
  const title = "What pictures are learnt with: check, edit, export";
  root.append(button("Captions", openCaptions, { id: options.id, icon: "list", class: "quiet", title }));
});
