// Light, dark, or what the system says. The choice stays in this browser.
export type Theme = "system" | "light" | "dark";

const KEY = "postern.theme";
const CLASS = "pf-v6-theme-dark";
const system = window.matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system"; // storage is forbidden in this browser
  }
}

export function applyTheme(): void {
  const chosen = theme();
  const dark = chosen === "dark" || (chosen === "system" && system.matches);
  document.documentElement.classList.toggle(CLASS, dark);
}

export function setTheme(chosen: Theme): void {
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // It then lasts as long as the page.
  }
  applyTheme();
}

system.addEventListener("change", applyTheme);
