//! A campaign in which the test says what happens when: the same host, software and checks, but nothing of its own.

use super::{Campaign, CampaignError, Config, Dut, Failure};
use crate::host::NastyHost;
use tideline_abi::command::flag;

/// A device with the campaign's checks around it, and a host that only answers.
pub struct Directed<'a, D> {
    device: D,
    campaign: Campaign<'a>,
}

impl<'a, D: Dut> Directed<'a, D> {
    /// Brings the device up and maps the pages; tracks page 0.
    ///
    /// # Errors
    /// A check failed.
    pub fn new(mut device: D, config: &'a Config) -> Result<Self, Box<Failure>> {
        let campaign = Campaign::new(&mut device, config);
        let mut directed = Self { device, campaign };
        directed.guard(|d| {
            d.campaign.start(&mut d.device)?;
            d.campaign.host.freeze(true);
            let software = d.campaign.software.as_mut().expect("the device is up");
            software.quiet(true);
            software.track(&mut d.device, &mut d.campaign.host, 0);
            d.campaign.settle(&mut d.device)
        })?;
        Ok(directed)
    }

    /// The host.
    pub fn host(&mut self) -> &mut NastyHost {
        &mut self.campaign.host
    }

    /// One cycle, all checks on.
    ///
    /// # Errors
    /// A check failed.
    pub fn cycle(&mut self) -> Result<(), Box<Failure>> {
        self.guard(|d| d.campaign.cycle(&mut d.device))
    }

    /// Cycles until nothing is under way: no command, no transaction, no snoop.
    ///
    /// # Errors
    /// A check failed.
    pub fn settle(&mut self) -> Result<(), Box<Failure>> {
        self.guard(|d| d.campaign.settle(&mut d.device))
    }

    /// Rings the doorbell of a harvest of page 0 that clears. It is judged when it completes, and acknowledged.
    pub fn harvest(&mut self, recall: bool) {
        let flags = flag::HARVEST_CLEAR | if recall { flag::HARVEST_RECALL } else { 0 };
        let software = self.campaign.software.as_mut().expect("the device is up");
        software.harvest(&mut self.device, &mut self.campaign.host, Some(0), flags);
    }

    /// The harvest has not completed.
    pub fn is_harvesting(&self) -> bool {
        self.campaign.software.as_ref().is_some_and(|software| software.is_running())
    }

    /// Lines reported so far, each as often as it was.
    pub fn reported(&self) -> u64 {
        self.campaign.counters.reported
    }

    fn guard(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), CampaignError>,
    ) -> Result<(), Box<Failure>> {
        step(self).map_err(|error| Box::new(self.campaign.failure(error)))
    }
}
