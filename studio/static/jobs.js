/* The bar at the bottom: memory, the running job, and a list of the last ones with what went wrong. */
(() => {
  "use strict";
  const { el, icon, islands } = flen;
  const STATE = { queued: "waits", running: "runs", done: "done", failed: "failed", cancelled: "stopped", interrupted: "interrupted" };
  const act = (job, action) => flen.attempt(async () => { await flen.post(`/jobs/${job.id}/${action}`); await flen.poll(); });

  function entry(job) {
    const can = (action) => job.can.includes(action);
    return el("li", { class: `job s-${job.state}` },
      el("div", { class: "row" }, el("strong", {}, job.title), el("span", { class: "state" }, STATE[job.state]),
        el("span", { class: "dim" }, job.total ? `${job.done} of ${job.total}` : ""), el("span", { class: "grow" }),
        can("cancel") && !job.cancelling ? flen.button("Stop", () => act(job, "cancel"), { id: `job-cancel-${job.id}`, icon: "stop" }) : null,
        job.stuck ? flen.button("End it now", () => act(job, "end"), { id: `job-end-${job.id}`, icon: "stop" }) : null,
        can("resume") ? flen.button("Resume", () => act(job, "resume"), { id: `job-resume-${job.id}`, icon: "play" }) : null,
        can("dismiss") ? flen.button("Dismiss", () => act(job, "dismiss"), { id: `job-dismiss-${job.id}`, icon: "cross", class: "quiet", title: "Take it off this list; what it made stays" }) : null),
      job.stuck ? el("p", { class: "warn" }, `It does not stop at its step. ${job.stuck}`) : null,
      job.error ? el("p", { class: "problem" }, job.error) : null,
      job.warnings?.length ? el("ul", { class: "warnings" }, job.warnings.map((w) => el("li", {}, w))) : null,
      job.traceback ? el("details", {}, el("summary", {}, "For a bug report"), el("pre", {}, job.traceback)) : null);
  }

  islands["job-bar"] = (root) => {
    const memory = el("div", { class: "memory", id: "job-memory" });
    const preview = el("img", { class: "preview", alt: "Preview of the picture being made", hidden: true });
    const title = el("span", { id: "job-title", class: "job-title" });
    const meter = el("progress", { id: "job-progress", max: "1", "aria-label": "Progress of the job" });
    const numbers = el("span", { class: "dim numbers" });
    const stop = flen.button("Stop", () => flen.state?.job && act(flen.state.job, flen.state.job.stuck ? "end" : "cancel"), { id: "job-stop", icon: "stop" });
    const pause = flen.button("Pause", () => flen.state?.job && act(flen.state.job, flen.state.job.paused ? "unpause" : "pause"), { id: "job-pause", class: "quiet" });
    const queue = flen.button("Jobs", () => openList(), { id: "job-list-open", icon: "list", class: "quiet" });
    root.append(el("div", { class: "bar" }, memory, el("div", { class: "work" }, preview, title, meter, numbers, pause, stop), queue));
    stop.hidden = pause.hidden = meter.hidden = true;
    const list = el("ol", { id: "job-list", class: "job-list" });
    let box = null;

    function openList() {
      box = box || flen.dialog("Jobs", list, { id: "jobs-dialog", keep: true });
      if (!box.open) box.showModal();
    }
    const ended = new Map();
    let heard = false;
    function paintMemory(m) {
      memory.replaceChildren();
      if (!m) { memory.append(el("span", { class: "dim" }, "Nothing loaded")); return; }
      const share = m.total_gib ? Math.min(1, m.used_gib / m.total_gib) : 0;
      memory.append(el("span", {}, m.device === "cuda" ? "GPU " : "Memory ", el("b", {}, m.used_gib.toFixed(1)), ` / ${m.total_gib.toFixed(1)} GB`),
        el("span", { class: "gauge" }, el("i", { style: { width: `${Math.round(share * 100)}%` } })), el("span", { class: "dim" }, m.resident || ""));
    }
    function paintJob(job, queued, recent) {
      const last = recent[0];
      const idle = !job;
      stop.hidden = pause.hidden = idle;
      meter.hidden = idle;
      root.dataset.state = job ? "running" : last?.state || "idle";
      if (idle) {
        title.textContent = last ? `${last.title}: ${STATE[last.state]}` : "No job yet";
        numbers.textContent = last?.state === "failed" ? last.error.split("\n")[0] : "";
        preview.hidden = true;
        return;
      }
      title.textContent = job.title;
      stop.disabled = job.cancelling && !job.stuck;
      stop.lastChild.textContent = job.stuck ? "End it now" : job.cancelling ? "Stopping" : "Stop";
      stop.title = job.stuck;
      pause.lastChild.textContent = job.paused ? "Go on" : "Pause";
      if (job.total) meter.value = (job.done + (job.n ? Math.min(0.99, job.k / job.n) : 0)) / job.total;
      else meter.removeAttribute("value");
      numbers.textContent = job.stuck ? `It does not stop at its step. ${job.stuck}` : [job.total ? `${job.done} of ${job.total} ${job.unit}` : job.note ? "" : "starting", job.paused ? "paused" : job.note, flen.minutes(job.left), queued.length ? `${queued.length} waiting` : ""].filter(Boolean).join(" · ");
      preview.hidden = !job.preview;
      if (job.preview && preview.dataset.of !== job.preview.slice(-40)) {
        preview.dataset.of = job.preview.slice(-40);
        preview.src = `data:image/jpeg;base64,${job.preview}`;
      }
    }
    document.addEventListener("flen:live", ({ detail }) => {
      root.classList.remove("silent");
      paintMemory(detail.memory);
      paintJob(detail.job, detail.queued, detail.recent);
      const known = heard;
      heard = true;
      for (const job of detail.recent) {
        if (known && ended.get(job.id) !== job.state) {
          if (job.state === "done") flen.toast(`${job.title}: done`);
          if (job.state === "failed") flen.toast(`${job.title}: ${job.error.split("\n")[0]}`, "problem");
        }
        ended.set(job.id, job.state);
      }
      if (box?.open || !list.children.length) {
        const jobs = [detail.job, ...detail.queued, ...detail.recent].filter(Boolean);
        const print = JSON.stringify(jobs.map((j) => [j.id, j.state, j.done, j.warnings, j.cancelling, j.stuck]));
        if (list.dataset.print !== print) {
          list.dataset.print = print;
          list.replaceChildren(...(jobs.length ? jobs.map(entry) : [el("li", { class: "empty" }, "No job yet.")]));
        }
      }
      queue.classList.toggle("alert", detail.recent.some((j) => j.state === "interrupted"));
    });
    document.addEventListener("flen:silent", () => {
      root.classList.add("silent");
      title.textContent = "The studio does not answer. What you decide is kept here until it does.";
    });
  };
})();
