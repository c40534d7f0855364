// A resource as postern.yaml spells it, to copy from. Every text that YAML could read as something
// else stands in quotes; JSON's quoting is good YAML.
function scalar(value: unknown): string {
  if (typeof value === "string" && /^[a-zA-Z/_][a-zA-Z0-9/_.-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)) return value;
  return JSON.stringify(value) ?? "null";
}

export function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.every((v) => typeof v !== "object" || v === null)) return `[${value.map(scalar).join(", ")}]`;
    return value.map((v) => `\n${indent}- ${yaml(v, `${indent}  `).replace(/^\n\s*/, "")}`).join("");
  }
  if (typeof value === "object" && value !== null)
    return Object.entries(value)
      .map(([key, v]) => {
        const text = yaml(v, `${indent}  `);
        return `\n${indent}${scalar(key)}:${text.startsWith("\n") ? "" : " "}${text}`;
      })
      .join("");
  return scalar(value);
}
