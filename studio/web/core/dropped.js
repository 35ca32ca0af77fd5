// @ts-check
/** Files and folders that were dropped on the page. */

/** @typedef {{ name: string, file: File }} Named a file, with the folders before its name */

/**
 * Every file below what was dropped, each with the name of its folder before it.
 * @param {FileSystemEntry} entry
 * @returns {Promise<Named[]>}
 */
async function filesOf(entry) {
  if (entry.isFile) {
    const one = /** @type {FileSystemFileEntry} */ (entry);
    const file = await new Promise((/** @type {(file: File) => void} */ done, fail) => one.file(done, fail));
    return [{ name: entry.fullPath.slice(1), file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((/** @type {(some: FileSystemEntry[]) => void} */ done, fail) =>
      reader.readEntries(done, fail),
    );
    if (!some.length) return found;
    for (const inside of some) found.push(...(await filesOf(inside)));
  }
}

/**
 * What was dropped. To be asked while the drop is handled: afterwards the browser has forgotten it.
 * @param {DragEvent} event
 * @returns {FileSystemEntry[]}
 */
export function entriesOf(event) {
  const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
  return entries.filter((entry) => entry !== null);
}

/**
 * Every file below entries that were dropped.
 * @param {FileSystemEntry[]} entries
 */
export async function filesBelow(entries) {
  const files = [];
  for (const entry of entries) files.push(...(await filesOf(entry)));
  return files;
}

/**
 * The files that were chosen with an input, which is empty afterwards.
 * @param {HTMLInputElement} input
 * @returns {Named[]}
 */
export function chosenIn(input) {
  const files = [...(input.files ?? [])].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  input.value = "";
  return files;
}
