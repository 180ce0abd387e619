// What pages gain where a script runs; every page works without it.
"use strict";
(() => {
  // Times in the browser's own zone, and relative ones kept fresh.
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const ago = (then) => {
    const gap = Date.now() - then, size = Math.abs(gap);
    for (const [unit, name] of [[864e5, "day"], [36e5, "hour"], [6e4, "min"]]) {
      if (size < unit) continue;
      const count = Math.floor(size / unit), words = `${count} ${name}${count !== 1 && name !== "min" ? "s" : ""}`;
      return gap > 0 ? `${words} ago` : `in ${words}`;
    }
    if (size < 5000) return "just now";
    const seconds = Math.floor(size / 1000);
    return gap > 0 ? `${seconds} s ago` : `in ${seconds} s`;
  };
  const tellTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const then = new Date(time.dateTime);
      time.title = zoned.format(then);
      time.textContent = time.classList.contains("clock") ? clock.format(then) : ago(then.getTime());
    }
  };
  tellTimes(document);
  setInterval(() => tellTimes(document), 10000);

  // Copy buttons.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const source = button.parentElement.querySelector("code, input");
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1600);
  });
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

  // Pieces of a page that live: fetched anew while somebody looks at them.
  for (const piece of document.querySelectorAll("[data-live]")) {
    let last = "";
    const refresh = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(piece.dataset.live, { headers: { accept: "text/html" } });
          if (answer.ok && !answer.redirected) {
            const html = await answer.text();
            // Relative times are kept fresh here: only what else is new is shown, and read out.
            const news = html.replace(/>[^<]*<\/time>/g, "></time>");
            // Nobody who is inside with the keyboard loses their place; it is shown when they have left.
            if (news !== last && !piece.contains(document.activeElement)) {
              last = news;
              piece.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
              tellTimes(piece);
            }
          }
        } catch { /* the server restarts, the network blinks: the next look will tell */ }
      }
      setTimeout(refresh, 2000);
    };
    setTimeout(refresh, 2000);
  }

  // New activity: how much has come since the page was made.
  const fresh = document.querySelector("[data-fresh]");
  if (fresh) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const { new: count } = await (await fetch(fresh.dataset.fresh)).json();
        fresh.hidden = !count;
        fresh.querySelector("b").textContent = count >= 50 ? "50 or more" : count;
      } catch { /* as above */ }
    }, 4000);
  }

  // Rules: a source or an attribute that nobody has is told while it is typed.
  for (const form of document.querySelectorAll("form[data-filled]")) {
    let filled;
    const count = (kind, name) => {
      // A filter chooses among values: what is counted is who has any of them.
      const path = name.trim().replace(/\[.*\]/s, "").toLowerCase();
      return path && filled[kind].get(path);
    };
    const tell = (field) => {
      const said = field.parentElement.querySelector(".filled"), kind = "source" in field.dataset ? "sources" : "targets";
      if (!said || !filled?.looked) return;
      const names = kind === "sources" ? field.value.split("\n") : [field.value];
      const empty = names.map((name) => name.trim()).filter((name) => name && count(kind, name) === 0);
      if (kind === "targets" && names[0].trim() && count(kind, names[0]) === undefined) empty.push(names[0].trim());
      const among = filled.looked === 1 ? "the 1 person" : `the ${filled.looked.toLocaleString("en")} people`;
      said.textContent = empty.length ? `Nobody of ${among} looked at has ${empty.map((name) => name.replace(/^urn:.*:/i, "")).join(", ")}.` : "";
      said.classList.toggle("warn", empty.length > 0);
    };
    const fields = () => form.querySelectorAll("[data-source], [data-target]");
    fetch(form.dataset.filled, { headers: { accept: "application/json" } }).then((answer) => answer.json()).then((came) => {
      const folded = (counts) => new Map(Object.entries(counts).map(([name, number]) => [name.toLowerCase(), number]));
      filled = { looked: came.looked, sources: folded(came.sources), targets: folded(came.targets) };
      fields().forEach((field) => { if (field.value !== field.defaultValue) tell(field); });
    }).catch(() => { /* the preview tells it as well */ });
    form.addEventListener("input", (event) => { if (event.target.matches("[data-source], [data-target]")) tell(event.target); });
  }

  // A confirmation that wants a name typed.
  for (const input of document.querySelectorAll("input[data-confirm]")) {
    const button = input.form.querySelector("button");
    const judge = () => { button.disabled = input.value.trim() !== input.dataset.confirm; };
    input.addEventListener("input", judge);
    judge();
  }

  // A form that only carries somebody on.
  document.querySelector("form[data-send-at-once]")?.requestSubmit();

  // The form of the first set-up proposes a tenant name.
  const title = document.querySelector("input[data-names]"), name = title && document.getElementById(title.dataset.names);
  if (name) {
    let own = name.value !== "";
    name.addEventListener("input", () => { own = name.value !== ""; });
    title.addEventListener("input", () => {
      if (own) return;
      name.value = title.value.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[-0-9]+|-+$/g, "").slice(0, 63);
    });
  }

  // Keys: / to search, g and a letter to go, ? for help.
  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (going) {
      going = false;
      const place = document.querySelector(`a.place[data-key="${CSS.escape(event.key)}"]`);
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1200); }
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
    if (event.key === "?") document.querySelector("dialog#keys")?.showModal();
  });
})();
