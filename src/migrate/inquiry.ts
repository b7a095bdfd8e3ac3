/** What a Ferry back end says about itself over its control socket. */
export interface BackEndStatus {
  readonly device: string;
  readonly version: string;
  /** Protocol features negotiated with the front end, by name; undefined before a front end has connected. */
  readonly protocolFeatures: readonly string[] | undefined;
  /** State of the device, for example `running`. */
  readonly state: string;
}

/** Asks the back ends behind a VM's vhost-user sockets. */
export interface BackEndInquiry {
  /** The status of the back end at `socketPath`, or undefined when it is not one of Ferry's. */
  status(socketPath: string, signal: AbortSignal): Promise<BackEndStatus | undefined>;
  /** Make a transfer of device state fail now, so that a QEMU that waits for it goes on. False: not one of Ferry's. */
  abortTransfer(socketPath: string, reason: string, signal: AbortSignal): Promise<boolean>;
}

/** For a VM whose back ends cannot be asked. */
export const NO_INQUIRY: BackEndInquiry = {
  status: async () => undefined,
  abortTransfer: async () => false,
};
