import { createRoot } from "react-dom/client";
import { App } from "./app/app";
import { applyTheme } from "./app/theme";
import "./console.css";

applyTheme();
const root = document.getElementById("root");
if (root !== null) createRoot(root).render(<App />);
