/* The matrix as one picture, as it stands on the screen: axes, filter, hidden names and all. */
(() => {
  "use strict";
  const MOST = 8192; // pixels a side: what every browser's canvas can do
  const HEAD = 44, GAP = 8, LINE = 16;

  const load = (id) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => done(null);
    image.src = flen.img(id, 256);
  });
  function fit(pen, words, width) {
    if (pen.measureText(words).width <= width) return words;
    let n = words.length;
    while (n > 1 && pen.measureText(`${words.slice(0, n)}…`).width > width) n -= 1;
    return `${words.slice(0, n)}…`;
  }
  const caption = (tile) => [tile.verdict, tile.score === null ? "" : tile.score.toFixed(2), tile.state.identity ? `${tile.state.identity}/${tile.state.edit ?? "-"}` : ""].filter(Boolean).join(" ");

  /** Draws `{title, corner, rows, columns, cells: [row][column] = tiles}` on a canvas; heads are `{words, image}`. */
  flen.drawMatrix = async ({ title, corner, rows, columns, cells }) => {
    const across = Math.max(1, ...cells.flat().map((tiles) => tiles.length));
    const heads = [...rows, ...columns].some((h) => h.image);
    const side = Math.max(48, Math.min(192, Math.floor((MOST - 400) / (columns.length * across) - GAP), Math.floor((MOST - 200) / Math.max(1, rows.length) - LINE - GAP)));
    const first = Math.max(120, heads ? 120 : 180), wide = across * (side + GAP), tall = side + LINE + GAP;
    const top = HEAD + LINE + (columns.some((c) => c.image) ? 100 : 0);
    const canvas = document.createElement("canvas");
    canvas.width = first + columns.length * wide + GAP;
    canvas.height = top + rows.length * tall + GAP;
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(document.body), colour = (name) => style.getPropertyValue(name).trim();
    pen.fillStyle = colour("--f-panel");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.textBaseline = "top";
    const write = (words, x, y, width, name = "--f-text", weight = 400, size = 12) => {
      pen.font = `${weight} ${size}px system-ui, "Segoe UI", sans-serif`;
      pen.fillStyle = colour(name);
      pen.fillText(fit(pen, words, width), x, y);
    };
    const picture = async (id, x, y, size) => {
      const image = await load(id);
      if (!image) return;
      const scale = Math.min(size / image.width, size / image.height);
      pen.drawImage(image, x + (size - image.width * scale) / 2, y + (size - image.height * scale) / 2, image.width * scale, image.height * scale);
    };
    write(title, GAP, GAP, canvas.width - 2 * GAP, "--f-text", 600, 15);
    write(corner, GAP, top - LINE, first - GAP, "--f-dim");
    const jobs = [];
    columns.forEach((c, n) => {
      const x = first + n * wide;
      write(c.words, x, top - LINE, wide - GAP, "--f-text", 600);
      if (c.image) jobs.push(picture(c.image, x, HEAD - 4, 96));
    });
    rows.forEach((r, n) => {
      const y = top + n * tall + 4;
      write(r.words, GAP, y, first - 2 * GAP, "--f-text", 600);
      if (r.image) jobs.push(picture(r.image, GAP, y + LINE + 2, Math.min(96, side - LINE)));
      columns.forEach((_, m) => cells[n][m].forEach((tile, k) => {
        const x = first + m * wide + k * (side + GAP);
        jobs.push(picture(tile.id, x, y, side));
        write(caption(tile), x, y + side + 2, side, "--f-dim", 400, 11);
      }));
    });
    await Promise.all(jobs);
    return canvas;
  };
  flen.download = (blob, name) => {
    const link = flen.el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
})();
