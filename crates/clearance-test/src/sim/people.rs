//! The agents that there are to list.

const FIRST: [&str; 16] = [
    "Ada", "Bela", "Chidi", "Dana", "Emre", "Fatou", "Goran", "Hana", "Ines", "Jonas", "Kira",
    "Liam", "Mina", "Noor", "Olga", "Pavel",
];
const LAST: [&str; 16] = [
    "Abara",
    "Brandt",
    "Costa",
    "Dubois",
    "Eriksen",
    "Ferrari",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kimura",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
];

/// Somebody who answers calls.
#[derive(Debug)]
pub(crate) struct Agent {
    /// From 1 on.
    pub(crate) number: usize,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

impl Agent {
    /// The agent with this index, always the same, with a name like nobody else's.
    pub(crate) fn nth(index: usize) -> Self {
        let (row, generation) = (index / FIRST.len(), index / (FIRST.len() * LAST.len()));
        let mut last_name = LAST[row % LAST.len()].to_owned();
        if generation > 0 {
            last_name.push_str(&format!(" {}", generation + 1));
        }
        Self {
            number: index + 1,
            first_name: FIRST[index % FIRST.len()].to_owned(),
            last_name,
        }
    }

    pub(crate) fn email(&self) -> String {
        format!("agent{}@example.com", self.number)
    }
}
