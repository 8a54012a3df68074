"""The cockpit: a page on this machine in which a person moves a model's levers and sees at once what they do."""
