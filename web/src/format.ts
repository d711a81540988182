// Numbers and times for people.

export function bytes(n: number): string {
  if (!n) return "0";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(n) / 10), units.length - 1);
  const value = n / 1024 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${units[power]}`;
}

export function seconds(n: number): string {
  if (n === 0) return "0";
  if (n < 0.001) return `${(n * 1e6).toFixed(0)} µs`;
  if (n < 1) return `${(n * 1e3).toFixed(n < 0.01 ? 1 : 0)} ms`;
  if (n < 120) return `${n.toFixed(n < 10 ? 1 : 0)} s`;
  if (n < 7200) return `${Math.round(n / 60)} min`;
  if (n < 172800) return `${Math.round(n / 3600)} h`;
  return `${Math.round(n / 86400)} days`;
}

export function count(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(1)} k`;
  return n >= 100 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(n >= 10 ? 1 : 2);
}

export function percent(share: number): string {
  const n = share * 100;
  return `${n === 0 ? "0" : n < 0.1 ? n.toFixed(2) : n < 10 ? n.toFixed(1) : n.toFixed(0)} %`;
}

export function ago(time: string | null): string {
  if (!time) return "";
  const age = (Date.now() - Date.parse(time)) / 1000;
  if (age >= 2 && age < 60) return `${Math.floor(age)} s ago`;
  return age < 2 ? "just now" : `${seconds(Math.max(0, Math.floor(age)))} ago`;
}

export function clock(time: string): string {
  const date = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  const of_day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = date.toDateString() === new Date().toDateString();
  return today ? of_day : `${date.getMonth() + 1}/${date.getDate()} ${of_day}`;
}
