(() => {
  // What can be measured on a page that is shown. Each function returns sentences, one for everything that falls short.

  const shown = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const excerpt = (text) => text.trim().replace(/\s+/g, " ").slice(0, 60);

  // -- contrast: WCAG 2.2, 1.4.3, after everything translucent has been put on what is below it

  const parse = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+(e-?\d+)?/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [red * scale, green * scale, blue * scale, alpha];
  };
  const over = ([red, green, blue, alpha], below) =>
    [red, green, blue].map((part, at) => part * alpha + below[at] * (1 - alpha));
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, ground(element.parentElement));
  };
  const opacity = (element) =>
    element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;

  const faintTexts = () => {
    const short = [];
    let judged = 0;
    const judge = (element, style, words, below) => {
      judged += 1;
      const colour = parse(element.closest("svg") ? style.fill : style.color);
      colour[3] *= opacity(element);
      const size = parseFloat(style.fontSize);
      const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const reached = contrast(over(colour, below), below);
      const name = `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`;
      if (reached < wanted) short.push(`${reached.toFixed(2)} of ${wanted} for '${excerpt(words)}' in ${name}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const element = node.parentElement, range = document.createRange();
      range.selectNodeContents(node);
      if (!node.data.trim() || !shown(element) || !range.getClientRects().length) continue;
      if (element.closest(":disabled, option, progress")) continue;
      judge(element, getComputedStyle(element), node.data, ground(element));
    }
    for (const element of document.body.querySelectorAll("*")) {
      if (!shown(element) || element.closest(":disabled")) continue;
      const style = getComputedStyle(element), below = ground(element);
      if (element.matches("textarea, select, input:not([type=checkbox], [type=radio])")) {
        judge(element, style, element.value || element.name, below);
        if (element.placeholder) judge(element, getComputedStyle(element, "::placeholder"), element.placeholder, below);
      }
      for (const pseudo of ["::before", "::after"]) {
        const made = getComputedStyle(element, pseudo);
        if (!/^["c]/.test(made.content) || made.content === '""') continue;
        judge(element, made, made.content, over(parse(made.backgroundColor), below));
      }
    }
    return judged ? short : ["nothing was measured"];
  };

  const faintPairs = (texts, grounds) => {
    const tokens = getComputedStyle(document.documentElement);
    const colour = (name) => {
      const digits = tokens.getPropertyValue(name).trim().slice(1);
      const whole = digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits;
      return [0, 2, 4].map((at) => parseInt(whole.slice(at, at + 2), 16));
    };
    const pairs = texts.flatMap((text) => grounds.map((below) => [text, below, contrast(colour(text), colour(below))]));
    const faint = pairs.filter(([, , reached]) => !(reached >= 4.5));
    return faint.map(([text, below, reached]) => `${reached.toFixed(2)} for ${text} on ${below}`);
  };

  // -- targets: WCAG 2.2, 2.5.8. 24 by 24 CSS pixels, or so much room around that a circle of that size touches no other
  // target. A link within a sentence is exempt; a box to tick is as large as its label; a row's link is as large as the
  // row that it is stretched over.

  const SMALLEST = 24, ROUNDING = 0.1;
  const box = (element) => {
    const rects = [element, ...(element.labels ?? [])].map((each) => each.getBoundingClientRect());
    const stretched = getComputedStyle(element, "::after");
    const row = element.closest("tr, li");
    if (row && stretched.position === "absolute" && stretched.content === '""') rects.push(row.getBoundingClientRect());
    const [left, top] = [Math.min(...rects.map((rect) => rect.left)), Math.min(...rects.map((rect) => rect.top))];
    const right = Math.max(...rects.map((rect) => rect.right)), bottom = Math.max(...rects.map((rect) => rect.bottom));
    return { left, top, right, bottom, x: (left + right) / 2, y: (top + bottom) / 2 };
  };
  const small = ({ left, top, right, bottom }) => Math.min(right - left, bottom - top) < SMALLEST - ROUNDING;
  const inSentence = (element) => {
    if (element.tagName !== "A" || getComputedStyle(element).display !== "inline") return false;
    const around = element.closest("p, li, dd, dt, td, h1, h2, h3, label, div");
    return around.textContent.trim().length > element.textContent.trim().length;
  };
  const near = (own, other) => {
    if (small(other)) return Math.hypot(other.x - own.x, other.y - own.y) < SMALLEST - ROUNDING;
    const across = Math.max(other.left - own.x, 0, own.x - other.right);
    const down = Math.max(other.top - own.y, 0, own.y - other.bottom);
    return Math.hypot(across, down) < SMALLEST / 2 - ROUNDING;
  };
  const smallTargets = () => {
    const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary";
    const targets = [...document.querySelectorAll(kinds)].filter(shown);
    const boxes = targets.map(box);
    const short = targets.filter((element, at) => {
      const own = boxes[at];
      if (!small(own) || inSentence(element) || own.right < 0) return false;
      return boxes.some((other, index) => {
        const nested = targets[index].contains(element) || element.contains(targets[index]);
        return !nested && near(own, other);
      });
    });
    if (!targets.length) return ["nothing was measured"];
    return short.map((element) => {
      const { width, height } = element.getBoundingClientRect();
      const name = excerpt(element.textContent) || element.ariaLabel || element.name;
      return `${width.toFixed(0)} by ${height.toFixed(0)} px is small: ${element.tagName.toLowerCase()} '${name}'`;
    });
  };

  // -- width: WCAG 2.2, 1.4.10

  const wideParts = () => {
    const root = document.documentElement, room = root.clientWidth;
    const width = Math.max(root.scrollWidth, document.body.scrollWidth);
    if (width <= room) return [];
    const boxed = (element) =>
      Boolean(element) && (getComputedStyle(element).overflowX !== "visible" || boxed(element.parentElement));
    const wide = [...document.body.querySelectorAll("*")].filter(
      (each) => each.getBoundingClientRect().right > room + 0.5 && !boxed(each.parentElement),
    );
    const names = wide.slice(-3).map((each) => `${each.tagName.toLowerCase()} '${excerpt(each.textContent)}'`);
    return [`${width} px wide in ${room}: ${names.join(", ")}`];
  };

  // -- focus: WCAG 2.2, 2.4.7 and 2.4.11. What has the focus has an outline around it that can be told from what is
  // around (1.4.11), and is not out of sight.

  const unseenFocus = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return [];
    const style = getComputedStyle(element), { left, top, right, bottom } = element.getBoundingClientRect();
    const name = `${element.tagName.toLowerCase()} '${excerpt(element.textContent) || element.name}'`;
    const short = [];
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) short.push(`${name} has no outline`);
    else if (contrast(parse(style.outlineColor), ground(element.parentElement)) < 3) short.push(`${name}: faint outline`);
    const sized = right - left > 1 && bottom - top > 1;
    const seen = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
    if (!sized || !seen) short.push(`${name} is out of sight`);
    return short;
  };

  // -- a walk with the Tab key: every stop is judged once the page has scrolled to it. A walk through the main part
  // begins at the last stop before it, because the navigation is the same on every page.

  let unvisited = new Set(), unseen = [];
  const watchFocus = (kinds, whole) => {
    const main = document.querySelector("main");
    const usable = (each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && each.tabIndex >= 0;
    const chosen = (each) => document.querySelector(`input[name="${each.name}"]:checked`) ?? each;
    const stop = (each) => each.type !== "radio" || chosen(each) === each;  // arrow keys lead to the others of a group
    const stops = [...document.querySelectorAll(kinds)].filter((each) => usable(each) && stop(each));
    const before = (each) => !main.contains(each) && each.compareDocumentPosition(main) & Node.DOCUMENT_POSITION_FOLLOWING;
    unvisited = new Set(whole ? stops : stops.filter((each) => main.contains(each)));
    if (!whole) stops.filter(before).at(-1)?.focus();
    document.addEventListener("focusin", (event) => {
      unvisited.delete(event.target);
      setTimeout(() => { if (document.activeElement === event.target) unseen.push(...unseenFocus()); });
    });
  };
  const walked = () => new Promise((done) => {
    setTimeout(() => done([unseen.splice(0), [...unvisited].map((each) => each.outerHTML.slice(0, 120))]));
  });

  return { faintTexts, faintPairs, smallTargets, wideParts, unseenFocus, watchFocus, walked };
})()
