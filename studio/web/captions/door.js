// @ts-check
/** The buttons that open the captions of the character, and tags and crops of its sources. */

import { h } from "../core/dom.js";
import { island } from "../core/island.js";
import { button } from "../core/ui.js";
import { openCrops } from "../crop/dialog.js";
import { openTags } from "../tags/dialog.js";
import { openCaptions } from "./dialog.js";

island("captions", ({ root, options }) => {
  const title = "What pictures are learnt with: check, edit, export";
  const captions = button("Captions", openCaptions, { id: options.id, icon: "list", class: "quiet", title });
  const keys = "What each picture shows: one key for each angle, expression, framing";
  const tags = options.tags
    ? button("Tag", openTags, { id: options.tags, icon: "check", class: "quiet", title: keys })
    : null;
  const parts = "Cut out the head, the figure or what lies between bars; turn. The file stays as it came in.";
  const crops = options.crops
    ? button("Crop", openCrops, { id: options.crops, icon: "single", class: "quiet", title: parts })
    : null;
  root.append(h("div", { class: "source-doors" }, tags, crops, captions));
});
