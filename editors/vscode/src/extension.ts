// Starts `revc lsp` for `.rev` files, and again when its command changes or it is asked for.

import * as vscode from "vscode";
import { LanguageClient, ServerOptions, TransportKind } from "vscode-languageclient/node";

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

async function start(): Promise<void> {
  const [command, ...args] = vscode.workspace
    .getConfiguration("revc")
    .get<string[]>("command", ["revc", "lsp"]);
  if (command === undefined) {
    void vscode.window.showErrorMessage("revc: the setting `revc.command` names no command");
    return;
  }
  const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const server: ServerOptions = { command, args, transport: TransportKind.stdio, options: { cwd } };
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
