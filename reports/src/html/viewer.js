// The timelines of failing runs: forward and back, by keys, by the scrubber, by a click. And the
// buttons that copy a command. The data lies in the page; nothing is fetched.
"use strict";
(() => {
  const KINDS = ["step", "request", "error", "disk", "fault", "verb", "stage", "job", "crash", "link", "other"];
  // Lines of the log before and after the moment that is shown.
  const AROUND = 4;
  const PLAN_LANE = 6;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const micros = (ns) => `${(ns / 1000).toFixed(3)} µs`;

  // What a sector holds, in a word, in words, and as a colour.
  const short = (content) => {
    const letter = { primary: "P", secondary: "S", foreign: "F" }[content.writer];
    if (letter) return `${letter}${content.number}`;
    return { nobody: "", zero: "0", initial: "i", torn: "torn" }[content.writer];
  };
  const words = (content, durable) => {
    const text = {
      nobody: "not here, what is below shows through",
      zero: "zeroes",
      initial: "the initial contents",
      torn: "torn: of several writes",
      foreign: `write #${content.number} to another disk of the guest`,
    }[content.writer] || `${content.writer} write #${content.number} of epoch ${content.epoch ?? "?"}`;
    const misplaced = content.meant_for === undefined ? "" : `, meant for sector ${content.meant_for}`;
    return text + misplaced + (durable ? "" : ", not flushed");
  };
  const look = (content, durable) => {
    const epoch = content.epoch === undefined ? "" : ` e${content.epoch % 5}`;
    const misplaced = content.meant_for === undefined ? "" : " misplaced";
    return `cell ${content.writer}${epoch}${misplaced}${durable ? "" : " cached"}`;
  };

  class Viewer {
    constructor(story, lanes) {
      this.story = story;
      this.lanes = lanes;
      this.data = read(`timeline-${story.dataset.timeline}`);
      this.moments = this.data.moments;
      this.last = this.moments.length - 1;
      this.at = this.last;
      this.prepare();
      this.build(story.querySelector(".viewer"));
      this.show(this.last);
      new ResizeObserver(() => this.resize()).observe(this.board);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    // Lets every moment be taken back: notes what its cells held before it.
    prepare() {
      this.now = this.data.strips.flatMap((strip) => strip.start);
      for (const moment of this.moments) {
        const cells = moment[4];
        const before = [];
        for (let i = 0; i < cells.length; i += 2) {
          before.push(cells[i], this.now[cells[i]]);
          this.now[cells[i]] = cells[i + 1];
        }
        moment[5] = before.reverse();
      }
    }

    build(root) {
      root.replaceChildren();
      root.tabIndex = 0;
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", `Timeline of a violation of ${this.data.invariant}`);
      root.append(this.buildControls(), this.buildLanes(), this.buildStrips(), this.buildLegend());
      this.log = make("ol", { class: "log", "aria-label": "Moments around" });
      for (let i = 0; i <= 2 * AROUND; i++) this.log.append(make("li"));
      const keys = make("p", { class: "keys" });
      const key = (name, text) => keys.append(make("kbd", {}, name), ` ${text} `);
      key("←", ""), key("→", "one moment"), key("Home", ""), key("End", "first, last");
      key("Page Up", ""), key("Page Down", "a step of the plan"), key("n", ""), key("p", "next, previous failure");
      root.append(this.log, keys);
      this.root = root;
    }

    buildControls() {
      const button = (text, label, go) => {
        const element = make("button", { type: "button", "aria-label": label, title: label }, text);
        element.addEventListener("click", () => this.show(go()));
        return element;
      };
      this.range = make("input", { type: "range", min: 0, max: this.last, "aria-label": "Moment" });
      this.range.addEventListener("input", () => this.show(Number(this.range.value)));
      this.counter = make("span", { class: "counter" });
      this.said = make("p", { class: "said", "aria-live": "polite" });
      const controls = make("div", { class: "controls" },
        button("⇤", "First moment", () => 0),
        button("←", "One moment back", () => this.at - 1),
        button("→", "One moment on", () => this.at + 1),
        button("⇥", "Last moment: the violation", () => this.last),
        this.range, this.counter);
      const left = this.data.left_out;
      const note = left ? [make("p", { class: "note" }, `The first ${left.toLocaleString("en")} moments are left out.`)] : [];
      return make("div", {}, controls, ...note, this.said);
    }

    buildLanes() {
      this.names = this.lanes.map((name) => make("div", {}, make("span", {}, name), make("b")));
      this.canvas = make("canvas", { role: "img", "aria-label": "Moments by lane, in order; the list below tells each" });
      this.cursor = make("div", { class: "cursor" });
      this.board = make("div", { class: "board" }, this.canvas, this.cursor);
      const pick = (event) => {
        if (event.type === "pointermove" && !event.buttons) return;
        const box = this.board.getBoundingClientRect();
        this.show(Math.floor(((event.clientX - box.left) / box.width) * this.moments.length));
      };
      this.board.addEventListener("pointerdown", pick);
      this.board.addEventListener("pointermove", pick);
      return make("div", { class: "lanes" }, make("div", { class: "names" }, ...this.names), this.board);
    }

    buildStrips() {
      const { strips, sectors, cluster, volume } = this.data;
      this.cells = [];
      this.tracks = [];
      this.strips = make("div", { class: "strips" });
      const width = sectors.length <= 64 ? `repeat(${sectors.length}, minmax(0, 1fr))` : "repeat(auto-fill, minmax(14px, 1fr))";
      const track = (...cells) => make("div", { class: "track", style: `grid-template-columns: ${width}` }, ...cells);
      const classes = (index) => {
        const begins = index > 0 && Math.floor(sectors[index] / cluster) !== Math.floor(sectors[index - 1] / cluster);
        const diverges = sectors[index] === this.data.sector;
        return `${begins ? " begins" : ""}${diverges ? " diverges" : ""}`;
      };
      this.marks = sectors.map((_, index) => classes(index));
      const numbers = sectors.map((sector, index) => {
        const shown = index === 0 || this.marks[index] !== "" ? "" : " inner";
        return make("span", { class: `nr${shown}${this.marks[index]}` }, String(sector));
      });
      const of = volume === null ? "" : ` of volume ${volume}`;
      this.strips.append(make("div", { class: "strip", "aria-hidden": "true" }, make("span", { class: "name" }, `sector${of}`), track(...numbers)));
      for (const strip of strips) {
        const cells = strip.start.map(() => make("span"));
        this.cells.push(...cells);
        const name = make("span", { class: "name" }, strip.name);
        const row = track(...cells);
        row.setAttribute("role", "img");
        this.tracks.push(row);
        if (strip.name === "active") name.append(" ", (this.mark = make("b")));
        this.strips.append(make("div", { class: "strip" }, name, row));
      }
      this.now.forEach((_, place) => this.paint(place));
      return this.strips;
    }

    buildLegend() {
      const legend = make("ul", { class: "legend", "aria-label": "Colours of the strips" });
      const seen = new Map();
      for (const content of this.data.contents) {
        const { writer, epoch } = content;
        const text = epoch === undefined ? words({ ...content, meant_for: undefined }, true) : `${writer}, epoch ${epoch}`;
        seen.set(writer === "foreign" ? "another disk's" : text, look({ writer, epoch }, true));
      }
      seen.set("not flushed: a power loss may undo it", "cell initial cached");
      if (this.data.sector !== null) seen.set("the sector that diverges", "cell diverges");
      for (const [text, classes] of [...seen].sort((a, b) => (a[1] < b[1] ? -1 : 1))) {
        legend.append(make("li", {}, make("span", { class: classes }), text));
      }
      return legend;
    }

    paint(place) {
      const code = this.now[place];
      const [content, durable] = [this.data.contents[code >> 1], (code & 1) === 0];
      const cell = this.cells[place];
      const sector = place % this.data.sectors.length;
      cell.className = look(content, durable) + this.marks[sector];
      cell.textContent = short(content);
      cell.title = `sector ${this.data.sectors[sector]}: ${words(content, durable)}`;
    }

    // Goes to a moment: the disks follow one by one, in either direction.
    show(wanted) {
      const to = Math.max(0, Math.min(this.last, wanted));
      const touched = new Set(this.ringed || []);
      const apply = (cells) => {
        for (let i = 0; i < cells.length; i += 2) {
          this.now[cells[i]] = cells[i + 1];
          touched.add(cells[i]);
        }
      };
      // Reversed pairs came out as code and place.
      const undo = (pairs) => {
        for (let i = 0; i < pairs.length; i += 2) {
          this.now[pairs[i + 1]] = pairs[i];
          touched.add(pairs[i + 1]);
        }
      };
      while (this.at < to) apply(this.moments[++this.at][4]);
      while (this.at > to) undo(this.moments[this.at--][5]);
      touched.forEach((place) => this.paint(place));
      this.ringed = this.moments[to][4].filter((_, i) => i % 2 === 0);
      this.ringed.forEach((place) => this.cells[place].classList.add("changed"));
      this.tell(to);
    }

    tell(at) {
      const [ns, lane, kind, text] = this.moments[at];
      const where = lane === PLAN_LANE ? "plan" : this.lanes[lane];
      const ends = at === this.last ? `: violation of ${this.data.invariant}` : "";
      this.range.value = at;
      this.range.setAttribute("aria-valuetext", `${at + 1} of ${this.last + 1}, ${where}: ${text}`);
      this.counter.textContent = `${at + 1} / ${this.last + 1}`;
      this.said.textContent = `${micros(ns)}, ${where}: ${text}${ends}`;
      this.said.className = `said k-${KINDS[kind]}`;
      this.cursor.style.left = `${((at + 0.5) / this.moments.length) * 100}%`;
      this.root?.classList.toggle("at-end", at === this.last);
      this.tellLabels(at);
      this.tellLog(at);
      const each = this.data.sectors.length;
      this.data.strips.forEach((strip, index) => {
        const codes = this.now.slice(index * each, (index + 1) * each);
        this.tracks[index].setAttribute("aria-label", `${strip.name}: ${this.runs(codes)}`);
      });
    }

    tellLabels(at) {
      const now = {};
      for (const [from, label, text] of this.data.labels) if (from <= at) now[label] = text;
      this.names[1].lastChild.textContent = now.primary_stage ?? "";
      this.names[3].lastChild.textContent = now.secondary_stage ?? "";
      if (this.mark) this.mark.textContent = now.mark ?? "";
    }

    tellLog(at) {
      const first = Math.max(0, Math.min(at - AROUND, this.last - 2 * AROUND));
      [...this.log.children].forEach((line, index) => {
        const moment = this.moments[first + index];
        line.hidden = !moment;
        if (!moment) return;
        const [ns, lane, kind, text] = moment;
        line.className = `k-${KINDS[kind]}`;
        if (first + index === at) line.setAttribute("aria-current", "true");
        else line.removeAttribute("aria-current");
        const where = lane === PLAN_LANE ? "plan" : this.lanes[lane];
        line.replaceChildren(make("span", { class: "time" }, micros(ns)), make("span", { class: "where" }, where), make("span", { class: "what" }, text));
      });
    }

    // Contents in runs, as in a trace.
    runs(codes) {
      const parts = [];
      for (const code of codes) {
        const text = short(this.data.contents[code >> 1]) || "-";
        const last = parts[parts.length - 1];
        if (last && last[0] === text) last[1]++;
        else parts.push([text, 1]);
      }
      return parts.map(([text, times]) => (times > 1 ? `${text}×${times}` : text)).join(" ");
    }

    resize() {
      const cell = this.tracks[0].clientWidth / this.data.sectors.length;
      this.strips.classList.toggle("roomy", cell >= 26);
      this.draw();
    }

    draw() {
      const { canvas, moments } = this;
      const [width, height] = [this.board.clientWidth, this.board.clientHeight];
      const scale = devicePixelRatio || 1;
      canvas.width = width * scale;
      canvas.height = height * scale;
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      const style = getComputedStyle(this.story);
      const color = (name) => style.getPropertyValue(`--${name}`);
      const row = height / this.lanes.length;
      const x = (at) => (at / moments.length) * width;
      const each = Math.max(1.5, Math.min(7, width / moments.length - 1));
      this.drawStages(pen, color, row, x);
      pen.fillStyle = color("rule");
      moments.forEach((moment, at) => moment[1] === PLAN_LANE && pen.fillRect(x(at), 0, 1, height));
      for (let lane = 1; lane < this.lanes.length; lane++) pen.fillRect(0, lane * row, width, 1);
      this.drawSpans(pen, color, row, x);
      moments.forEach(([, lane, kind], at) => {
        if (lane === PLAN_LANE) return;
        const loud = ["error", "fault", "crash", "stage"].includes(KINDS[kind]);
        const tall = loud ? row - 4 : row * 0.45;
        pen.fillStyle = color(`k-${KINDS[kind]}`);
        pen.fillRect(x(at + 0.5) - each / 2, lane * row + (row - tall) / 2, each, tall);
      });
      pen.fillStyle = color("bad");
      pen.fillRect(Math.min(x(moments.length - 0.5), width - 3), 0, 3, height);
    }

    // Behind a host's moments: its stage, as long as it lasts.
    drawStages(pen, color, row, x) {
      const rows = { primary_stage: 1, secondary_stage: 3 };
      const tints = { RUNNING: "good-tint", FAILOVER: "odd-tint", FAILOVER_FAILED: "bad-tint", DONE: "tint", off: "code" };
      for (const [label, lane] of Object.entries(rows)) {
        const stages = this.data.labels.filter((entry) => entry[1] === label);
        stages.forEach(([from, , text], index) => {
          const to = stages[index + 1]?.[0] ?? this.moments.length;
          if (!tints[text]) return;
          pen.fillStyle = color(tints[text]);
          pen.fillRect(x(from), lane * row + 1, x(to) - x(from), row - 2);
        });
      }
    }

    // Requests, verbs and jobs from their beginning to their end, those at once under each other.
    drawSpans(pen, color, row, x) {
      const free = this.lanes.map(() => []);
      for (const [lane, from, to] of this.data.spans) {
        const rows = free[lane];
        let place = rows.findIndex((end) => end < from);
        if (place < 0) place = rows.length;
        rows[place] = to;
        pen.fillStyle = color("span");
        const top = lane * row + 3 + (place % 4) * ((row - 6) / 4);
        pen.fillRect(x(from + 0.5), top, Math.max(1, x(to) - x(from)), Math.max(2, (row - 6) / 4 - 1));
      }
    }

    // The step of the plan before or after this moment.
    step(direction) {
      for (let at = this.at + direction; at >= 0 && at <= this.last; at += direction) {
        if (this.moments[at][1] === PLAN_LANE) return at;
      }
      return direction < 0 ? 0 : this.last;
    }
  }

  const stories = [...document.querySelectorAll("[data-timeline]")];
  const viewers = new Map();
  let active = stories[0];
  const open = (story) => {
    story.open = true;
    if (!viewers.has(story)) viewers.set(story, new Viewer(story, read("lanes").lanes));
    active = story;
    return viewers.get(story);
  };
  for (const story of stories) {
    story.addEventListener("toggle", () => story.open && open(story));
    story.addEventListener("focusin", () => viewers.has(story) && (active = story));
    story.addEventListener("pointerdown", () => viewers.has(story) && (active = story));
  }
  if (active) open(active);

  const failure = (direction) => {
    const next = stories[(stories.indexOf(active) + direction + stories.length) % stories.length];
    const viewer = open(next);
    next.closest("details.more")?.setAttribute("open", "");
    next.closest("li").scrollIntoView({ block: "start" });
    viewer.root.focus({ preventScroll: true });
  };

  document.addEventListener("keydown", (event) => {
    if (!active || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const scrubber = target.type === "range";
    if (target.closest(".scroll, pre, textarea") || (target.tagName === "INPUT" && !scrubber)) return;
    const viewer = viewers.get(active);
    const inside = Boolean(target.closest(".viewer"));
    const go = {
      ArrowLeft: () => viewer.at - 1,
      ArrowRight: () => viewer.at + 1,
      // These scroll the page, unless somebody is in a timeline.
      ...(inside && { Home: () => 0, End: () => viewer.last, PageUp: () => viewer.step(-1), PageDown: () => viewer.step(1) }),
    }[event.key];
    if (go) viewer.show(go());
    else if (event.key === "n" || event.key === "p") failure(event.key === "n" ? 1 : -1);
    else return;
    event.preventDefault();
  });

  // A page that was opened from a file may not be allowed the clipboard: then a selection is.
  const select = (text) => {
    const area = make("textarea", { class: "unseen", "aria-hidden": "true" });
    document.body.append(area);
    area.value = text;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const text = button.dataset.copy;
      const done = await navigator.clipboard.writeText(text).then(() => true, () => select(text));
      button.firstChild.textContent = done ? "Copied" : "Select it and copy";
      button.focus();
      setTimeout(() => (button.firstChild.textContent = "Copy"), 2000);
    });
  }
})();
