//! The command line as a whole; each command's own arguments stand beside what it does.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    commands, dashboard, demo, listen, publish, receiver, serve, simulate, tail, trigger, verify,
};

const EXAMPLES: &str = "\
Examples:
  posthaste demo                                 see it work, with nothing set up
  posthaste serve --dev                          a server to develop against
  posthaste subscriptions create https://example.com/hook --events 'order.*'
  posthaste publish order.created --data '{\"id\":42}'
  posthaste trigger memory.created --count 10    lifelike events, out of a catalogue
  posthaste deliveries list --status failed      what did not arrive
  posthaste listen --forward-to 3000             events to your own app, while you write it
  posthaste replays create --since 2h --dry-run  what would go out again

Exit codes: 0 done, 1 failed, 2 asked wrongly.";

/// Webhooks that arrive: publish an event, and every subscriber gets it, signed and retried
#[derive(Parser, Debug)]
#[command(name = "posthaste", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// Print JSON lines, for scripts
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server: API and engine
    Serve(serve::Arguments),
    /// Watch it work: a server on a temporary store, three receivers, lifelike events
    Demo(demo::Arguments),
    /// Print a link that signs a browser in to the dashboard
    Dashboard(dashboard::Arguments),
    /// Publish one event, or a file of them
    Publish(publish::Arguments),
    /// Publish events made of a catalogue's example
    Trigger(trigger::Arguments),
    /// Who gets which events, and where
    Subscriptions(commands::subscriptions::Arguments),
    /// What was published
    Events(commands::events::Arguments),
    /// What became of each event at each subscription
    Deliveries(commands::deliveries::Arguments),
    /// How deliveries fare: totals, latencies, reasons, and how they went over time
    Stats(commands::stats::Arguments),
    /// What kinds of events there are: their schemas and examples
    EventTypes(commands::event_types::Arguments),
    /// Stored events of a window, sent again
    Replays(commands::replays::Arguments),
    /// Request bins: what came, and whether its signature verifies
    Inboxes(commands::inboxes::Arguments),
    /// API keys
    Keys(commands::keys::Arguments),
    /// Links into the portal, for a tenant's customers
    PortalLinks(commands::portal_links::Arguments),
    /// Who changed or revealed what, when and from where
    Audit(commands::trail::Arguments),
    /// Tenants, with a key of the platform
    Tenants(commands::tenants::Arguments),
    /// Forward events to an app on this machine, signed, and show its answers
    Listen(listen::Arguments),
    /// Follow what becomes of deliveries, as it happens
    Tail(tail::Arguments),
    /// Check a signature, given headers and a body
    Verify(verify::Arguments),
    /// A receiver that verifies, prints, and misbehaves on request
    Receiver(receiver::Arguments),
    /// Run the engine in seeded worlds full of faults, and watch its promises
    Simulate(simulate::Arguments),
}

pub fn read() -> Arguments {
    Arguments::parse()
}

impl Arguments {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let json = self.json;
        match self.command {
            Command::Serve(arguments) => arguments.run().await,
            Command::Demo(arguments) => arguments.run(json).await,
            Command::Dashboard(arguments) => arguments.run(json).await,
            Command::PortalLinks(arguments) => arguments.run(json).await,
            Command::Publish(arguments) => arguments.run(json).await,
            Command::Trigger(arguments) => arguments.run(json).await,
            Command::EventTypes(arguments) => arguments.run(json).await,
            Command::Subscriptions(arguments) => arguments.run(json).await,
            Command::Events(arguments) => arguments.run(json).await,
            Command::Deliveries(arguments) => arguments.run(json).await,
            Command::Stats(arguments) => arguments.run(json).await,
            Command::Replays(arguments) => arguments.run(json).await,
            Command::Inboxes(arguments) => arguments.run(json).await,
            Command::Keys(arguments) => arguments.run(json).await,
            Command::Audit(arguments) => arguments.run(json).await,
            Command::Tenants(arguments) => arguments.run(json).await,
            Command::Listen(arguments) => arguments.run(json).await,
            Command::Tail(arguments) => arguments.run(json).await,
            Command::Verify(arguments) => arguments.run(json),
            Command::Receiver(arguments) => arguments.run(json).await,
            Command::Simulate(arguments) => arguments.run(json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }
}
