import { redactor } from "../support/redact.ts";
import { post, type Sending } from "./attempts.ts";
import { bodyOf, headlineOf, type Message } from "./message.ts";
import type { Answer } from "./request.ts";

const colors = { critical: "#d0021b", warning: "#f5a623", resolved: "#2e8540" };

/**
 * Posts a message to an incoming webhook of Slack, or of Mattermost, which takes the same. Rejects where it was not taken;
 * the error does not hold the address.
 */
export async function sendSlack(address: string, message: Message, sending: Sending): Promise<void> {
  const refusal = ({ status, text }: Answer) => {
    // Slack answers with a word: `no_service`, `channel_is_archived`.
    const word = /^[a-z_]{3,60}$/.exec(text.trim())?.[0];
    const why = word ?? (status < 300 ? 'something else than "ok": is the address that of a webhook?' : undefined);
    return new Error(redactor([address])(`Slack answered with ${status}${why === undefined ? "" : `: ${why}`}`));
  };
  await post(
    address,
    slackDocument(message),
    sending,
    refusal,
    ({ status, text }) => status < 300 && text.trim() === "ok",
  );
}

/** An attachment, because Mattermost knows no blocks; its colour says at a glance how bad it is. */
export function slackDocument(message: Message): object {
  const { state, severity } = message;
  const headline = escaped(headlineOf(message));
  const lines = bodyOf(message, (command) => `\`${command}\``).map(escaped);
  return {
    attachments: [
      {
        color: state === "resolved" ? colors.resolved : colors[severity],
        fallback: headline,
        title: headline,
        text: lines.join("\n"),
        mrkdwn_in: ["text"],
      },
    ],
  };
}

/** The three characters that mean something to Slack: https://docs.slack.dev/messaging/formatting-message-text */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
