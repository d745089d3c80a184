"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const runs = all(".run");
  const wanted = { outcome: "", mode: "", text: "", pool: "" };
  const texts = new Map();

  const characters = { lt: "<", gt: ">", amp: "&", "#34": '"', "#39": "'" };
  const plain = (html) => html.replace(/<[^>]*>/g, " ").replace(/&(lt|gt|amp|#34|#39);/g, (_, name) => characters[name]);

  // In a large suite a closed run's body is text until it is wanted. It is what the template escaped, and the page's
  // policy runs nothing that it could hold.
  let bodies;
  const bodyOf = (details) => {
    if (!details.dataset.later) return "";
    bodies ??= one("#later").textContent.split("\x1e");
    return bodies[Number(details.dataset.later)];
  };
  const fill = (details) => {
    const body = bodyOf(details);
    delete details.dataset.later;
    details.insertAdjacentHTML("beforeend", body);
  };

  const textOf = (run) => {
    if (!texts.has(run)) {
      const later = bodyOf(run.querySelector("details"));
      texts.set(run, (run.textContent + (later ? plain(later) : "")).toLowerCase());
    }
    return texts.get(run);
  };

  const fits = (run) =>
    (!wanted.outcome || (wanted.outcome === "flaky" ? "flaky" in run.dataset : run.dataset.outcome === wanted.outcome)) &&
    (!wanted.mode || run.dataset.mode === wanted.mode) &&
    (!wanted.pool || run.dataset.pool === wanted.pool) &&
    (!wanted.text || textOf(run).includes(wanted.text));

  const filter = () => {
    let shown = 0;
    for (const run of runs) {
      run.hidden = !fits(run);
      if (!run.hidden) shown += 1;
    }
    one(".one-pool").hidden = !wanted.pool;
    one(".none").hidden = shown > 0 || runs.length === 0;
    one(".runs").hidden = shown === 0;
    one(".shown").textContent = (shown === runs.length ? "" : `${shown} of `) + (runs.length === 1 ? "1 run" : `${runs.length} runs`);
    for (const button of all("[data-outcome][aria-pressed]"))
      button.setAttribute("aria-pressed", String(button.dataset.outcome === wanted.outcome));
    for (const button of all("[data-mode][aria-pressed]"))
      button.setAttribute("aria-pressed", String(button.dataset.mode === wanted.mode));
  };

  const input = one(".find input");
  const reset = () => {
    Object.assign(wanted, { outcome: "", mode: "", text: "", pool: "" });
    input.value = "";
    filter();
  };

  const openPool = (number) => {
    reset();
    wanted.pool = number;
    filter();
    one("#runs").scrollIntoView();
    one("#runs").focus({ preventScroll: true });
  };

  const openTarget = () => {
    const found = /^#run-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!found) return;
    if (found.closest(".run").hidden) reset();
    fill(found);
    found.open = true;
    found.scrollIntoView();
    found.querySelector("summary").focus({ preventScroll: true });
  };

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Served over plain HTTP there is no clipboard; the old way still works.
      const area = document.createElement("textarea");
      area.value = button.dataset.copy;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  };

  const step = (event) => {
    const summaries = runs.filter((run) => !run.hidden).map((run) => run.querySelector("summary"));
    const here = summaries.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: summaries.length - 1 }[event.key];
    if (here < 0 || to === undefined || !summaries[to]) return;
    event.preventDefault();
    summaries[to].focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".copy")) copy(button);
    else if (button.matches(".reset")) reset();
    else if (button.matches(".pool")) openPool(button.dataset.pool);
    else if ("outcome" in button.dataset) (wanted.outcome = button.dataset.outcome), filter();
    else if ("mode" in button.dataset) (wanted.mode = button.dataset.mode), filter();
  });
  input.addEventListener("input", () => {
    wanted.text = input.value.trim().toLowerCase();
    filter();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") reset();
  });
  one(".runs").addEventListener("keydown", step);
  one(".runs").addEventListener("toggle", (event) => event.target.open && fill(event.target), true);
  window.addEventListener("hashchange", openTarget);

  // On paper nothing can be opened: what did not pass is printed with its talk.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all(".run:not([hidden]):not([data-outcome=passed]) > details:not([open])");
    for (const each of opened) {
      fill(each);
      each.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });

  one(".filters").hidden = false;
  filter();
  openTarget();
})();
