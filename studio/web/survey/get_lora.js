// @ts-check
/** Getting a LoRA: where it is, what lies there, and its download as a job. */

import { h } from "../core/dom.js";
import { bytes as size } from "../core/format.js";
import { post } from "../core/net.js";
import { poll } from "../core/status.js";
import { dialog, problemLine, toast, wordsOf } from "../core/ui.js";

/** @import { LoraThere } from "../types.js" */

/**
 * What would be downloaded, in a line.
 * @param {LoraThere} there
 * @returns {string}
 */
export function thereWords({ name, place, bytes, licence }) {
  const facts = [bytes ? size(bytes) : "size not told", licence ? `licence ${licence}` : "licence not told"];
  return `${name} (${facts.join(", ")}), from ${place}`;
}

/** The dialog: a place is looked up first, then what is there can be got. */
class GetLora {
  /** @param {string} what an entry of the catalogue, a repository or an address; "" to be written */
  constructor(what) {
    const props = { type: "text", autocomplete: "off", spellcheck: false, placeholder: "owner/name" };
    this.what = h("input", { id: "lora-what", value: what, oninput: () => this.changed(), ...props });
    this.found = h("p", { id: "lora-there", role: "status" });
    this.problem = problemLine();
    this.go = h("button", { id: "lora-get", type: "submit", class: "fb primary" }, "Look it up");
    this.seen = "";
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.step();
    };
    const help = "owner/name, owner/name/file.safetensors, the address of either, or another address of a file.";
    const label = h("label", { class: "field" }, h("span", {}, "Where it is"), this.what, h("small", {}, help));
    const row = h("div", { class: "row end" }, this.go);
    const form = h("form", { class: "form", onsubmit }, label, this.found, this.problem, row);
    this.box = dialog("Get a LoRA", form, { id: "lora-dialog" });
    this.box.showModal();
    if (what) this.step();
    else this.what.focus();
  }

  changed() {
    this.seen = "";
    this.found.textContent = this.problem.textContent = "";
    this.go.textContent = "Look it up";
  }

  async step() {
    const what = this.what.value.trim();
    if (!what || this.go.disabled) return;
    this.go.disabled = true;
    this.problem.textContent = "";
    try {
      await (this.seen === what ? this.get(what) : this.look(what));
    } catch (error) {
      this.problem.textContent = wordsOf(error);
    } finally {
      this.go.disabled = false;
      (this.seen ? this.go : this.what).focus();
    }
  }

  /** @param {string} what */
  async look(what) {
    this.found.textContent = "Looking...";
    try {
      const there = /** @type {LoraThere} */ (await post("/loras/look", { what }));
      if (this.what.value.trim() !== what) return;
      this.seen = what;
      this.found.textContent = thereWords(there);
      this.go.textContent = there.bytes ? `Get it (${size(there.bytes)})` : "Get it";
    } catch (error) {
      this.found.textContent = "";
      throw error;
    }
  }

  /** @param {string} what */
  async get(what) {
    await post("/loras/get", { what });
    this.box.close();
    toast("The download has begun: it is at the top, and in the list of jobs.");
    poll();
  }
}

/** @param {string} [what] */
export function getLora(what = "") {
  new GetLora(what);
}
