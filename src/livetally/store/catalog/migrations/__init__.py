"""The steps from every released form of the catalog to the next; never changed once released."""
