/** Version in the topic root, the frame header and the snapshot envelope. A reader refuses any other (PR-1). */
export const PROTOCOL_VERSION = 1;
