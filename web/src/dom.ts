// Elements without a framework: h("p", { class: "note" }, "text", element, …).

export type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "line", "rect", "g", "polyline"]);

export function h(tag: string, props: Props = {}, ...children: Child[]): HTMLElement {
  const element = (SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag)) as HTMLElement;
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children: Child[]): (Node | string)[] {
  return children.flat(Infinity as 1).flatMap((child) => {
    if (child === null || child === undefined || child === false) return [];
    return [child instanceof Node ? child : String(child)];
  });
}

/** A part of a page that is drawn anew only when what it shows has changed, so that focus and selection stay. */
export function part<T>(element: HTMLElement, draw: (data: T) => Child[]): (data: T) => void {
  let last: string | undefined;
  return (data) => {
    const text = JSON.stringify(data);
    if (text === last) return;
    last = text;
    element.replaceChildren(...nodes(draw(data)));
  };
}

export function link(href: string, props: Props, ...children: Child[]): HTMLElement {
  return h("a", { href, ...props }, ...children);
}
