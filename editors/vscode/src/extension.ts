// Starts `revc lsp` for `.rev` files, and again when its command changes or it is asked for.

import * as vscode from "vscode";
import { LanguageClient, ServerOptions } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    vscode.commands.registerCommand("revc.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("revc.command")) {
        await restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
  client = undefined;
}

async function restart(): Promise<void> {
  await deactivate();
  await start();
}

/** Says whether a setting is what starts a process: a word and those that it is given. */
function isCommand(words: unknown): words is [string, ...string[]] {
  return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string");
}

async function start(): Promise<void> {
  const words = vscode.workspace.getConfiguration("revc").get<unknown>("command");
  if (!isCommand(words)) {
    void vscode.window.showErrorMessage(
      'revc: the setting `revc.command` is a list of words, as in ["revc", "lsp"]',
    );
    return;
  }
  const [command, ...args] = words;
  const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const server: ServerOptions = { command, args, options: { cwd } };
  client = new LanguageClient("revc", "revc", server, {
    documentSelector: [{ language: "rev" }],
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    void vscode.window.showErrorMessage(
      `revc: \`${[command, ...args].join(" ")}\` does not start (${String(error)}). ` +
        "Install it with pip install 'revc[lsp]', or name it in the setting `revc.command`.",
    );
  }
}
